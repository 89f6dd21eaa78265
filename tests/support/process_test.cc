#include "support/process.h"

#include <chrono>
#include <csignal>
#include <fstream>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/stat.h>
#include <thread>

#include "support/temp_dir.h"

namespace millrace::support {
namespace {

using std::chrono::seconds;
using testing::HasSubstr;

Command shell(const std::string& script) { return {.arguments = {"sh", "-c", script}}; }

TEST(Process, KeepsOutputsApartAndReportsTheExitCode) {
  const ProcessResult result = run_process(shell("echo to out; echo to err >&2; exit 7"), seconds(20));
  EXPECT_EQ(result.out, "to out\n");
  EXPECT_EQ(result.err, "to err\n");
  EXPECT_EQ(result.exit_code, 7);
  EXPECT_EQ(result.signal, 0);
}

TEST(Process, PassesMoreThanAPipeHoldsInBothDirections) {
  Command command{.arguments = {"cat"}};
  command.input.assign(3'000'000, 'x');
  EXPECT_EQ(run_process(command, seconds(20)).out, command.input);
}

TEST(Process, SurvivesAProgramThatDoesNotReadItsInput) {
  Command command{.arguments = {"true"}};
  command.input.assign(3'000'000, 'x');
  EXPECT_EQ(run_process(command, seconds(20)).exit_code, 0);
}

TEST(Process, SetsEnvironmentAndWorkingDirectory) {
  const TempDir folder;
  Command command = shell("echo $MILLRACE_TEST_WORD in $PWD");
  command.environment["MILLRACE_TEST_WORD"] = "grain";
  command.working_directory = folder.path();
  EXPECT_EQ(run_process(command, seconds(20)).out, "grain in " + folder.path().string() + "\n");
}

TEST(Process, KillsAtTheDeadline) {
  const ProcessResult result = run_process(shell("echo begun; sleep 1000"), std::chrono::milliseconds(300));
  EXPECT_TRUE(result.timed_out);
  EXPECT_EQ(result.signal, SIGKILL);
  EXPECT_EQ(result.out, "begun\n");
}

TEST(Process, WaitsForALineOfEitherOutput) {
  Process process(shell("echo first; echo 'ready at 42' >&2; exec sleep 1000"));
  EXPECT_EQ(process.wait_for_line("ready at [0-9]+$", seconds(20)), "ready at 42");
  EXPECT_EQ(process.wait_for_line("^first$", seconds(20)), "first");
  EXPECT_TRUE(process.running());
}

TEST(Process, WaitsForNoLineOnceTheProgramHasEnded) {
  Process process(shell("echo first"));
  EXPECT_EQ(process.wait_for_line("second", seconds(20)), std::nullopt);
}

TEST(Process, DeliversSignals) {
  Process process(shell("trap 'echo got it; exit 3' TERM; echo ready; while :; do sleep 0.01; done"));
  ASSERT_TRUE(process.wait_for_line("ready", seconds(20)));
  process.send(SIGTERM);
  const ProcessResult result = process.wait(seconds(20));
  EXPECT_EQ(result.exit_code, 3);
  EXPECT_THAT(result.out, HasSubstr("got it"));
}

// Gone, or a zombie that waits for init to reap it.
bool is_gone(pid_t process) {
  std::ifstream status("/proc/" + std::to_string(process) + "/stat");
  const std::string text(std::istreambuf_iterator<char>(status), {});
  return text.empty() || text.find(") Z ") != std::string::npos || text.find(") X ") != std::string::npos;
}

TEST(Process, LeavesNothingOfItsGroupBehind) {
  pid_t grandchild = 0;
  {
    Process process(shell("sleep 1000 & echo $!; wait"));
    const auto line = process.wait_for_line("^[0-9]+$", seconds(20));
    ASSERT_TRUE(line);
    grandchild = std::stoi(*line);
    ASSERT_EQ(kill(grandchild, 0), 0);
  }
  // The signal was sent; the process dies when it is next scheduled.
  const auto deadline = std::chrono::steady_clock::now() + seconds(20);
  while (!is_gone(grandchild) && std::chrono::steady_clock::now() < deadline) std::this_thread::yield();
  EXPECT_TRUE(is_gone(grandchild));
}

TEST(Process, SaysThatAProgramIsMissing) {
  const ProcessResult result = run_process({.arguments = {"no-such-program-here"}}, seconds(20));
  EXPECT_EQ(result.exit_code, 127);
  EXPECT_THAT(result.err, HasSubstr("no-such-program-here"));
}

TEST(Process, LimitsTheSizeOfFiles) {
  const TempDir folder;
  Command command{
      .arguments = {"dd", "if=/dev/zero", "of=" + (folder / "file").string(), "bs=1k", "count=64"}};
  command.file_size_limit_bytes = 4096;
  const ProcessResult result = run_process(command, seconds(20));
  EXPECT_EQ(result.exit_code, 1) << result.describe();
  EXPECT_THAT(result.err, HasSubstr("File too large"));
}

TEST(Process, ObeysPermissionsEvenAsRoot) {
  const TempDir folder;
  ASSERT_EQ(chmod(folder.path().c_str(), 0555), 0);
  Command command{.arguments = {"touch", (folder / "file").string()}};
  command.obeys_permissions = true;
  EXPECT_NE(run_process(command, seconds(20)).exit_code, 0);
}

TEST(TempDir, IsRemovedWithReadOnlyFoldersInIt) {
  std::filesystem::path path;
  {
    const TempDir folder;
    path = folder.path();
    std::filesystem::create_directory(folder / "closed");
    std::ofstream(folder / "closed" / "file") << "text";
    ASSERT_EQ(chmod((folder / "closed").c_str(), 0555), 0);
    ASSERT_EQ(chmod(path.c_str(), 0555), 0);
  }
  EXPECT_FALSE(std::filesystem::exists(path));
}

}  // namespace
}  // namespace millrace::support
