#include "app/job_options.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "host/config/resolving.h"

namespace millrace {
namespace {

using ::testing::HasSubstr;

OptionError job_error(const std::vector<std::string>& more) {
  try {
    static_cast<void>(train_job(resolve(train_with(more))));
  } catch (const OptionError& error) {
    return error;
  }
  ADD_FAILURE() << "no OptionError";
  return {OptionError::Kind::unknown, "", "", ""};
}

TEST(TrainJobOptions, SayWhereBadRecordsGoAndHowManyMayBeThere) {
  const TrainJob job = train_job(resolve(
      train_with({"--errors-tolerance", "all", "--dead-letter-topic", "dead", "--max-bad-share", "0.25"})));
  EXPECT_EQ(job.dead_letter_topic, "dead");
  EXPECT_EQ(job.trainer.max_bad_share, 0.25);
}

TEST(TrainJobOptions, LeaveBadRecordsWhereTheyAreUnlessToldOtherwise) {
  const TrainJob job = train_job(resolve(train_with()));
  EXPECT_EQ(job.dead_letter_topic, "");
  EXPECT_EQ(job.trainer.max_bad_share, 1);
}

TEST(TrainJobOptions, RefuseWhatABadRecordThatEndsTheRunMakesUseless) {
  for (const auto& [option, value] : {std::pair{"--dead-letter-topic", "dead"}, {"--max-bad-share", "0.1"}}) {
    const OptionError error = job_error({option, value});
    EXPECT_EQ(error.kind, OptionError::Kind::conflict);
    EXPECT_EQ(error.option, option);
    EXPECT_THAT(error.reason, HasSubstr("--errors-tolerance all"));
  }
}

TEST(TrainJobOptions, RefuseLettersToATopicThatIsRead) {
  const OptionError error = job_error({"--errors-tolerance", "all", "--dead-letter-topic", "t"});
  EXPECT_EQ(error.kind, OptionError::Kind::conflict);
  EXPECT_EQ(error.option, "--dead-letter-topic");
}

}  // namespace
}  // namespace millrace
