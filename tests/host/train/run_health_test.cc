#include "train/run_health.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace millrace {
namespace {

using namespace std::chrono_literals;
using ::testing::HasSubstr;

class Health : public testing::Test {
 protected:
  [[nodiscard]] std::string not_ready() const { return health_.ready(now_).reason; }
  void pass(RunHealth::Clock::duration time) { now_ += time; }
  void begin(RunActivity activity) { health_.begin(activity, now_); }

  RunHealth::Clock::time_point now_{24h};
  const std::shared_ptr<BrokerAnswers> answers_ = std::make_shared<BrokerAnswers>();
  RunHealth health_{now_, answers_};
};

TEST_F(Health, IsReadyOnceReadingBegan) {
  EXPECT_THAT(not_ready(), HasSubstr("starting"));
  answers_->heard(now_, {});
  EXPECT_THAT(not_ready(), HasSubstr("starting"));
  begin(RunActivity::replaying);
  EXPECT_THAT(not_ready(), HasSubstr("replayed"));
  begin(RunActivity::waiting);
  EXPECT_TRUE(health_.ready(now_).good);
  begin(RunActivity::training);
  EXPECT_TRUE(health_.ready(now_).good);
}

TEST_F(Health, IsNotReadyWhileBrokersAreSilent) {
  answers_->heard(now_, {});
  begin(RunActivity::waiting);
  pass(RunHealth::kSilenceLimit);
  EXPECT_TRUE(health_.ready(now_).good);
  pass(1s);
  EXPECT_EQ(not_ready(), "brokers have not answered for 7 s");
  EXPECT_TRUE(health_.alive(now_).good);
  answers_->heard(now_, {});
  EXPECT_TRUE(health_.ready(now_).good);
}

TEST_F(Health, IsNotReadyWhileItStops) {
  answers_->heard(now_, {});
  begin(RunActivity::waiting);
  health_.stop();
  EXPECT_THAT(not_ready(), HasSubstr("stopping"));
  EXPECT_TRUE(health_.alive(now_).good);
}

TEST_F(Health, MayWaitForEver) {
  begin(RunActivity::waiting);
  pass(1000h);
  EXPECT_TRUE(health_.alive(now_).good);
}

TEST_F(Health, IsStuckWhereAWindowTakesFarLongerThanAnyBefore) {
  begin(RunActivity::training);
  pass(RunHealth::kStuckLimit - 1s);
  EXPECT_TRUE(health_.alive(now_).good);
  pass(1s);
  EXPECT_THAT(health_.alive(now_).reason, HasSubstr("training a window has taken 300 s"));
  begin(RunActivity::training);  // it came through after all: such windows are long
  pass(10 * RunHealth::kStuckLimit - 1s);
  EXPECT_TRUE(health_.alive(now_).good);
  pass(1s);
  EXPECT_FALSE(health_.alive(now_).good);
}

}  // namespace
}  // namespace millrace
