#include "report/progress.h"

#include <cstdlib>
#include <fcntl.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <initializer_list>
#include <limits>
#include <memory>
#include <nlohmann/json.hpp>
#include <poll.h>
#include <sstream>
#include <sys/ioctl.h>
#include <termios.h>
#include <thread>
#include <unistd.h>
#include <vector>

namespace millrace {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::Not;

ProgressSample sample_at(double seconds, std::uint64_t rows = 12'480) {
  return {.seconds = seconds,
          .rows = rows,
          .windows = 49,
          .steps = 1176,
          .bad_records = 0,
          .rows_per_s = 3250.4,
          .loss = 0.2134,
          .accuracy = 0.921,
          .auc = 0.978,
          .lag = 0};
}

struct CloseFile {
  void operator()(std::FILE* file) const { std::fclose(file); }
};
using File = std::unique_ptr<std::FILE, CloseFile>;

// A file that is no terminal.
class PlainFile {
 public:
  PlainFile() : file_(std::tmpfile()) {}
  [[nodiscard]] std::FILE* file() const { return file_.get(); }
  [[nodiscard]] std::vector<std::string> lines() const {
    std::rewind(file_.get());
    std::vector<std::string> lines(1);
    for (int c = std::fgetc(file_.get()); c != EOF; c = std::fgetc(file_.get())) {
      if (c == '\n') {
        lines.emplace_back();
      } else {
        lines.back().push_back(static_cast<char>(c));
      }
    }
    EXPECT_EQ(lines.back(), "") << "the last line is not ended";
    lines.pop_back();
    return lines;
  }

 private:
  File file_;
};

// A real terminal (a pseudo-terminal) and what its screen shows.
class Terminal {
 public:
  explicit Terminal(unsigned short columns) : columns_(columns), master_(::posix_openpt(O_RDWR | O_NOCTTY)) {
    ::grantpt(master_);
    ::unlockpt(master_);
    char name[128] = {};
    ::ptsname_r(master_, name, sizeof name);
    const int slave = ::open(name, O_RDWR | O_NOCTTY);
    const winsize size{.ws_row = 24, .ws_col = columns, .ws_xpixel = 0, .ws_ypixel = 0};
    ::ioctl(slave, TIOCSWINSZ, &size);
    file_ = File(::fdopen(slave, "w"));
  }
  Terminal(const Terminal&) = delete;
  Terminal& operator=(const Terminal&) = delete;
  ~Terminal() { ::close(master_); }

  [[nodiscard]] std::FILE* file() const { return file_.get(); }

  // All bytes written so far.
  const std::string& raw() {
    pollfd ready{.fd = master_, .events = POLLIN, .revents = 0};
    std::vector<char> some(4096);
    while (::poll(&ready, 1, 0) == 1 && (ready.revents & POLLIN) != 0) {
      const ssize_t count = ::read(master_, some.data(), some.size());
      if (count <= 0) break;
      raw_.append(some.data(), static_cast<std::size_t>(count));
    }
    return raw_;
  }

  // The lines on the screen; fails the test if anything was written into the last column or beyond.
  std::vector<std::string> screen() {
    const std::string& bytes = raw();
    std::vector<std::string> lines(1);
    std::size_t column = 0;
    for (std::size_t i = 0; i < bytes.size(); ++i) {
      std::string& line = lines.back();
      if (bytes[i] == '\r') {
        column = 0;
      } else if (bytes[i] == '\n') {
        lines.emplace_back();
      } else if (bytes[i] == '\x1b') {
        std::size_t end = i + 2;  // after the bracket
        while (end < bytes.size() && (bytes[end] < '@' || bytes[end] > '~')) ++end;
        if (bytes[end] == 'K') line.resize(std::min(line.size(), column));
        i = end;
      } else {
        if (line.size() <= column) line.resize(column + 1, ' ');
        line[column++] = bytes[i];
        EXPECT_LT(column, columns_) << "it would wrap: " << line;
      }
    }
    return lines;
  }

 private:
  const std::size_t columns_;
  int master_;
  File file_;
  std::string raw_;
};

class ProgressTest : public ::testing::Test {
 protected:
  void SetUp() override {
    ::setenv("TERM", "xterm", 1);
    ::unsetenv("NO_COLOR");
  }
};

TEST_F(ProgressTest, WritesPlainLinesWhereThereIsNoTerminal) {
  const PlainFile out;
  {
    Progress progress(false, out.file());
    progress.update(sample_at(0));
    progress.finish(sample_at(1, 13'000));
  }
  EXPECT_THAT(
      out.lines(),
      ElementsAre(
          "     12 480 rows    3 250 rows/s  loss 0.2134  accuracy 0.921  AUC 0.978  lag 0   49 windows",
          "     13 000 rows    3 250 rows/s  loss 0.2134  accuracy 0.921  AUC 0.978  lag 0   49 windows"));
}

TEST_F(ProgressTest, WritesOnePlainLineEveryTwoSecondsAndTheLastOneOnce) {
  const PlainFile out;
  Progress progress(false, out.file());
  for (int i = 0; i <= 100; ++i) progress.update(sample_at(i * 0.1, static_cast<std::uint64_t>(i)));
  progress.finish(sample_at(10, 100));
  EXPECT_EQ(out.lines().size(), 6U) << "at 0, 2, 4, 6, 8 and 10 s";
}

TEST_F(ProgressTest, LeavesOutWhatIsNotKnownAndMarksWhatIsUndefined) {
  const PlainFile out;
  Progress progress(false, out.file());
  ProgressSample sample = sample_at(0);
  sample.lag.reset();
  sample.auc.reset();
  sample.loss = std::numeric_limits<double>::quiet_NaN();
  sample.rows_per_s = std::numeric_limits<double>::infinity();
  progress.finish(sample);
  EXPECT_THAT(
      out.lines(),
      ElementsAre("     12 480 rows        0 rows/s  loss      -  accuracy 0.921  AUC     -   49 windows"));
}

TEST_F(ProgressTest, TellsWhenARunEndsOnlyIfItDoesAndItIsKnown) {
  const PlainFile out;
  Progress progress(false, out.file());
  ProgressSample sample = sample_at(0);
  progress.update(sample);
  sample.seconds = 2;
  sample.has_end = true;
  progress.update(sample);
  sample.seconds = 4;
  sample.seconds_left = 8.2;
  progress.update(sample);
  sample.seconds = 6;
  sample.seconds_left = 3725;
  progress.update(sample);
  const auto lines = out.lines();
  ASSERT_EQ(lines.size(), 4U);
  EXPECT_THAT(lines[0], Not(HasSubstr("ETA")));
  EXPECT_THAT(lines[1], HasSubstr("ETA    -"));
  EXPECT_THAT(lines[2], HasSubstr("ETA  9 s")) << "rounded up: a run is not over before it is";
  EXPECT_THAT(lines[3], HasSubstr("ETA 1 h 02 min"));
}

TEST_F(ProgressTest, RepeatsNoPlainLineThatSaysTheSame) {
  const PlainFile out;
  Progress progress(false, out.file());
  for (int second = 0; second < 60; ++second) progress.update(sample_at(second));
  EXPECT_EQ(out.lines().size(), 1U);
}

TEST_F(ProgressTest, TellsOfBadRecordsOnlyIfThereAreAny) {
  const PlainFile out;
  Progress progress(false, out.file());
  ProgressSample sample = sample_at(0);
  progress.update(sample);
  sample.bad_records = 1234;
  progress.finish(sample);
  EXPECT_THAT(out.lines()[0], Not(HasSubstr("bad")));
  EXPECT_THAT(out.lines()[1], HasSubstr("  1 234 bad"));
}

TEST_F(ProgressTest, KeepsFieldsWhereTheyAreWhenNumbersShrink) {
  const PlainFile out;
  Progress progress(false, out.file());
  ProgressSample sample = sample_at(0, 123'456'789);
  sample.lag = 1'000'000;
  progress.update(sample);
  sample = sample_at(2, 5);
  progress.finish(sample);
  const auto lines = out.lines();
  ASSERT_EQ(lines.size(), 2U);
  for (const char* word : {"rows ", "rows/s", "loss", "accuracy", "AUC", "lag", "windows"}) {
    EXPECT_EQ(lines[0].find(word), lines[1].find(word)) << word;
  }
}

TEST_F(ProgressTest, RedrawsOneLineOnATerminal) {
  Terminal terminal(120);
  {
    Progress progress(false, terminal.file());
    for (int i = 0; i <= 20; ++i) progress.update(sample_at(i * 0.05, static_cast<std::uint64_t>(i) * 1000));
    EXPECT_EQ(terminal.screen().size(), 1U);
    EXPECT_THAT(terminal.screen()[0], HasSubstr("20 000 rows"));
    progress.finish(sample_at(1.01, 20'480));
  }
  EXPECT_THAT(terminal.screen(), ElementsAre(HasSubstr("20 480 rows"), ""));
}

TEST_F(ProgressTest, RedrawsAtMostTenTimesASecond) {
  Terminal terminal(120);
  Progress progress(false, terminal.file());
  for (int i = 0; i < 1000; ++i) progress.update(sample_at(i * 0.001));
  const std::string& raw = terminal.raw();
  EXPECT_EQ(std::count(raw.begin(), raw.end(), '\r'), 10);
}

TEST_F(ProgressTest, NeverWrapsHoweverNarrowTheTerminal) {
  for (unsigned short columns = 1; columns <= 130; ++columns) {
    Terminal terminal(columns);
    Progress progress(false, terminal.file());
    ProgressSample sample = sample_at(0, 123'456'789'012);
    sample.bad_records = 77;
    progress.update(sample);
    progress.finish(sample_at(1));
    for (const std::string& line : terminal.screen()) {
      EXPECT_LT(line.size(), std::max<std::size_t>(columns, 1));
      if (columns >= 25 && !line.empty()) {
        EXPECT_THAT(line, HasSubstr("rows"));
      }
    }
  }
}

TEST_F(ProgressTest, FitsAnOrdinaryTerminalWithEverythingThatMatters) {
  Terminal terminal(80);
  Progress progress(false, terminal.file());
  progress.update(sample_at(0));
  for (const char* word : {"rows/s", "loss", "accuracy", "AUC", "lag"}) {
    EXPECT_THAT(terminal.screen()[0], HasSubstr(word));
  }
}

TEST_F(ProgressTest, KeepsRateLagAndEndOnANarrowTerminal) {
  for (const unsigned short columns : std::initializer_list<unsigned short>{50, 80}) {
    Terminal terminal(columns);
    Progress progress(false, terminal.file());
    ProgressSample sample = sample_at(0);
    sample.has_end = true;
    sample.seconds_left = 42;
    progress.update(sample);
    for (const char* words : {"12 480 rows", "3 250 rows/s", "lag 0", "ETA 42 s"}) {
      EXPECT_THAT(terminal.screen()[0], HasSubstr(words)) << columns;
    }
  }
}

TEST_F(ProgressTest, TellsRateLagAndEndRatherThanAllRowsWhereFewColumnsAreLeft) {
  Terminal terminal(40);
  Progress progress(false, terminal.file());
  ProgressSample sample = sample_at(0);
  sample.lag = 1234;
  sample.has_end = true;
  sample.seconds_left = 42;
  progress.update(sample);
  EXPECT_THAT(terminal.screen(), ElementsAre("    3 250 rows/s  lag 1 234  ETA 42 s"));
}

TEST_F(ProgressTest, FillsTheRoomThatSomethingLongLeaves) {
  Terminal terminal(40);
  Progress progress(false, terminal.file());
  ProgressSample sample = sample_at(0);
  sample.lag = 123'456'789'012'345;  // too long beside the rate
  sample.has_end = true;
  sample.seconds_left = 42;
  progress.update(sample);
  EXPECT_THAT(terminal.screen(), ElementsAre("    3 250 rows/s  loss 0.2134  ETA 42 s"));
}

TEST_F(ProgressTest, PutsNotesAboveTheLiveLine) {
  Terminal terminal(120);
  Progress progress(false, terminal.file());
  progress.update(sample_at(0));
  progress.note("a checkpoint was damaged\x1b[2J");
  progress.note("a second note");
  EXPECT_THAT(terminal.screen(),
              ElementsAre("a checkpoint was damaged?[2J", "a second note", HasSubstr("12 480 rows")));
}

TEST_F(ProgressTest, EndsTheLiveLineWhenItIsGone) {
  Terminal terminal(120);
  { Progress(false, terminal.file()).update(sample_at(0)); }
  EXPECT_THAT(terminal.screen(), ElementsAre(HasSubstr("12 480 rows"), ""));
}

TEST_F(ProgressTest, ColoursOnlyATerminalAndOnlyIfWanted) {
  {
    Terminal terminal(120);
    Progress(false, terminal.file()).finish(sample_at(0));
    EXPECT_THAT(terminal.raw(), HasSubstr("\x1b[2m"));
  }
  ::setenv("NO_COLOR", "1", 1);
  {
    Terminal terminal(120);
    Progress(false, terminal.file()).finish(sample_at(0));
    EXPECT_THAT(terminal.raw(), Not(HasSubstr("m"))) << "no sequence that ends in m, and no word with one";
  }
}

TEST_F(ProgressTest, TakesADumbTerminalForNone) {
  ::setenv("TERM", "dumb", 1);
  Terminal terminal(40);
  Progress(false, terminal.file()).finish(sample_at(0));
  EXPECT_THAT(terminal.raw(), Not(HasSubstr("\x1b")));
}

TEST_F(ProgressTest, SaysNothingButNotesWhenQuiet) {
  const PlainFile out;
  {
    Progress progress(true, out.file());
    progress.update(sample_at(0));
    progress.note("a note");
    progress.finish(sample_at(3));
  }
  EXPECT_THAT(out.lines(), ElementsAre("a note"));
}

TEST_F(ProgressTest, SpeaksJsonToPrograms) {
  const PlainFile out;
  {
    Progress progress(false, out.file(), LogFormat::json);
    progress.update(sample_at(0));
    progress.note("a note");
    progress.warn("a warning");
    progress.finish(sample_at(3));
  }
  std::vector<std::string> events;
  for (const std::string& line : out.lines()) {
    events.push_back(nlohmann::json::parse(line).at("event").get<std::string>());
  }
  EXPECT_THAT(events, ElementsAre("progress", "note", "warning", "end"));
}

TEST_F(ProgressTest, TakesNotesFromAnyThread) {
  const PlainFile out;
  Progress progress(false, out.file());
  std::vector<std::thread> threads;
  threads.reserve(4);
  for (int i = 0; i < 4; ++i) {
    threads.emplace_back([&] {
      for (int note = 0; note < 200; ++note) progress.note("note");
    });
  }
  for (int i = 0; i < 200; ++i) progress.update(sample_at(i * 3.0, static_cast<std::uint64_t>(i)));
  for (std::thread& thread : threads) thread.join();
  const auto lines = out.lines();
  EXPECT_EQ(lines.size(), 1000U);
  EXPECT_EQ(std::ranges::count(lines, "note"), 800);
}

}  // namespace
}  // namespace millrace
