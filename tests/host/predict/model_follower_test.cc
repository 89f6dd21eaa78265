#include "predict/model_follower.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <vector>

#include "millrace/errors.h"

#include "host/predict/sample_state.h"
#include "host/state/sample_checkpoints.h"
#include "support/temp_dir.h"

namespace millrace {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using testing::sample_checkpoint;
using testing::save;

class ModelFollowerTest : public ::testing::Test {
 protected:
  // The next look that looks.
  bool look(ModelFollower& models) { return models.look(now_ += ModelFollower::kLookEvery); }
  ModelFollower follower() {
    return {state_, [this](std::string_view sentence) { notes_.emplace_back(sentence); }};
  }

  const support::TempDir folder_;
  const std::filesystem::path state_ = folder_ / "state";
  std::vector<std::string> notes_;
  // Far from the real now, at which a follower is made.
  ModelFollower::Clock::time_point now_ = ModelFollower::Clock::now() + std::chrono::hours(1);
};

TEST_F(ModelFollowerTest, TakesUpEachNewerCheckpoint) {
  save(state_, sample_checkpoint(1));
  ModelFollower models = follower();
  EXPECT_EQ(models.checkpoint().sequence, 0U);
  EXPECT_FALSE(look(models));
  save(state_, sample_checkpoint(2));
  EXPECT_TRUE(look(models));
  EXPECT_EQ(models.checkpoint().model, sample_checkpoint(2).model);
  EXPECT_FALSE(look(models));
  EXPECT_THAT(notes_, IsEmpty());
}

TEST_F(ModelFollowerTest, LooksOnceASecondAtMost) {
  save(state_, sample_checkpoint(1));
  ModelFollower models = follower();
  ASSERT_FALSE(look(models));
  save(state_, sample_checkpoint(2));
  EXPECT_FALSE(models.look(now_ + std::chrono::milliseconds(999)));
  EXPECT_TRUE(models.look(now_ + std::chrono::milliseconds(1000)));
}

TEST_F(ModelFollowerTest, PassesADamagedCheckpointOverAndSaysSoOnce) {
  save(state_, sample_checkpoint(1));
  ModelFollower models = follower();
  const std::filesystem::path newer = save(state_, sample_checkpoint(2));
  std::vector<char> bytes = testing::bytes_of(newer);
  bytes[bytes.size() / 2] ^= 1;
  testing::write_bytes(newer, bytes);
  EXPECT_FALSE(look(models));
  EXPECT_FALSE(look(models));
  EXPECT_EQ(models.checkpoint().sequence, 0U);
  EXPECT_THAT(notes_, ElementsAre(HasSubstr("is damaged")));
  save(state_, sample_checkpoint(3));
  EXPECT_TRUE(look(models));
}

TEST_F(ModelFollowerTest, GoesOnWithWhatItHasWhereTheFolderIsGoneAndTakesUpWhatComesBack) {
  save(state_, sample_checkpoint(1));
  ModelFollower models = follower();
  std::filesystem::remove_all(state_);
  EXPECT_FALSE(look(models));
  EXPECT_FALSE(look(models));
  EXPECT_EQ(models.checkpoint().model, sample_checkpoint(1).model);
  EXPECT_THAT(notes_, ElementsAre(HasSubstr("predicting with checkpoint 0 still")));
  save(state_, sample_checkpoint(2));
  EXPECT_TRUE(look(models));  // though its number is no other one
  EXPECT_EQ(models.checkpoint().model, sample_checkpoint(2).model);
}

TEST_F(ModelFollowerTest, NeedsACheckpointToBeginWith) {
  std::filesystem::create_directory(state_);
  EXPECT_THROW(follower(), StateError);
}

TEST_F(ModelFollowerTest, TakesNoLockAwayFromTheTrainer) {
  StateFolder trainer = StateFolder::open(state_);
  Checkpoint checkpoint = sample_checkpoint(1);
  trainer.save(checkpoint);
  ModelFollower models = follower();
  Checkpoint next = sample_checkpoint(2);
  trainer.save(next);
  EXPECT_TRUE(look(models));
}

}  // namespace
}  // namespace millrace
