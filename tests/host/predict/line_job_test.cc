#include "predict/line_job.h"

#include <algorithm>
#include <array>
#include <csignal>
#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <poll.h>
#include <string>
#include <thread>
#include <unistd.h>

#include "decode/decoder_choice.h"
#include "host/predict/sample_state.h"
#include "support/temp_dir.h"

namespace millrace {
namespace {

using ::testing::StartsWith;

// The job between two pipes, on a thread of its own.
class LineJobTest : public ::testing::Test {
 protected:
  LineJobTest() {
    std::signal(SIGPIPE, SIG_IGN);  // as main does
    testing::save(folder_ / "state", testing::sample_checkpoint(1));
    if (::pipe(in_.data()) != 0 || ::pipe(out_.data()) != 0) throw std::runtime_error("pipe");
    running_ = std::jthread([this](const std::stop_token& stop) {
      ModelFollower models(folder_ / "state", [](std::string_view) {});
      const auto decoder =
          make_decoder({.features = 2, .label = {LabelRule::From::none, {}}, .max_record_bytes = 100});
      RowScorer scorer({}, *decoder, models);
      counts_ = run_line_job(
          {.input = in_[0], .output = out_[1], .max_line_bytes = 100}, scorer, [](const PredictCounts&) {},
          stop);
      ::close(out_[1]);
    });
  }
  ~LineJobTest() override {
    end_input();
    if (running_.joinable()) running_.join();
    ::close(in_[0]);
    if (out_[0] >= 0) ::close(out_[0]);
  }

  void ask(const std::string& text) {
    ASSERT_EQ(::write(in_[1], text.data(), text.size()), static_cast<ssize_t>(text.size()));
  }
  void end_input() {
    if (in_[1] >= 0) ::close(in_[1]);
    in_[1] = -1;
  }
  // The next line; without its end where the output ends. Fails the test where none comes.
  std::string answer() {
    std::string line;
    for (char letter = 0;;) {
      pollfd readable{out_[0], POLLIN, 0};
      if (::poll(&readable, 1, 30'000) != 1) {
        ADD_FAILURE() << "no answer after: " << line;
        return line;
      }
      if (::read(out_[0], &letter, 1) != 1 || letter == '\n') return line;
      line += letter;
    }
  }

  const support::TempDir folder_;
  std::array<int, 2> in_{};
  std::array<int, 2> out_{};
  PredictCounts counts_;
  std::jthread running_;
};

TEST_F(LineJobTest, AnswersEachLineBeforeItWaitsForTheNext) {
  for (int i = 0; i < 20; ++i) {
    ask(fmt::format("{},2\n", i));
    EXPECT_THAT(answer(), ::testing::HasSubstr(",0-"));
  }
}

TEST_F(LineJobTest, AnswersTheSameHoweverLinesAreCutIntoPieces) {
  ask("1,2\n3,4\n");
  const std::string first = answer();
  const std::string second = answer();
  for (const char* piece : {"1", ",", "2", "\r", "\n3,", "4\n"}) ask(piece);
  EXPECT_EQ(answer(), first);
  EXPECT_EQ(answer(), second);
}

TEST_F(LineJobTest, AnswersALastLineWithoutAnEndAndThenEnds) {
  ask("1,2");
  end_input();
  EXPECT_THAT(answer(), ::testing::HasSubstr(",0-"));
  EXPECT_EQ(answer(), "");
  running_.join();
  EXPECT_EQ(counts_.rows, 1U);
}

TEST_F(LineJobTest, SaysOfEachLineThatIsNoRowWhatIsWrongWithIt) {
  ask("1\n\n1,x\n" + std::string(500'000, '1') + "\n1,2\n");
  EXPECT_EQ(answer(), "bad,column_count,");
  EXPECT_EQ(answer(), "bad,column_count,");
  EXPECT_EQ(answer(), "bad,not_a_number,2");
  EXPECT_EQ(answer(), "bad,too_large,");
  EXPECT_THAT(answer(), ::testing::HasSubstr(",0-"));
}

TEST_F(LineJobTest, EndsQuietlyWhereNobodyReadsItsAnswers) {
  ::close(out_[0]);
  out_[0] = -1;
  ask("1,2\n");
  running_.join();
  EXPECT_EQ(counts_.records, 1U);
}

TEST_F(LineJobTest, EndsWhenItIsStoppedWhileItWaits) {
  ask("1,2\n");
  answer();
  running_.request_stop();
  running_.join();
  EXPECT_EQ(counts_.rows, 1U);
}

TEST_F(LineJobTest, TakesUpNewerWeightsBetweenTwoLines) {
  ask("1,2\n");
  const std::string before = answer();
  testing::save(folder_ / "state", testing::sample_checkpoint(2));
  const auto deadline = std::chrono::steady_clock::now() + std::chrono::seconds(30);
  std::string after = before;
  while (after == before && std::chrono::steady_clock::now() < deadline) {
    ask("1,2\n");
    after = answer();
  }
  EXPECT_THAT(after.substr(after.rfind(',')), StartsWith(",1-"));
}

}  // namespace
}  // namespace millrace
