// millrace: resolves the options, runs the command, and turns an error into a sentence and an exit code.
#include <algorithm>
#include <array>
#include <cerrno>
#include <csignal>
#include <cstdio>
#include <exception>
#include <fmt/format.h>
#include <stdexcept>
#include <system_error>
#include <unistd.h>

#include "millrace/errors.h"

#include "app/bench_command.h"
#include "app/demo_command.h"
#include "app/doctor_command.h"
#include "app/error_sentences.h"
#include "app/evaluate_command.h"
#include "app/export_command.h"
#include "app/import_command.h"
#include "app/inspect_command.h"
#include "app/log_output.h"
#include "app/predict_command.h"
#include "app/produce_command.h"
#include "app/replay_command.h"
#include "app/train_command.h"
#include "config/completion.h"
#include "config/man_page.h"
#include "config/options.h"
#include "decode/decode_stopped.h"
#include "report/metrics_table.h"

namespace millrace {

namespace {

ExitCode run_completion(const OptionValues& options) {
  fmt::print("{}", completion_script(options.positional().empty() ? "" : options.positional().front()));
  return ExitCode::done;
}

ExitCode run_man_page(const OptionValues&) {
  fmt::print("{}", man_page());
  return ExitCode::done;
}

ExitCode run_options_markdown(const OptionValues&) {
  fmt::print("{}", options_markdown());
  return ExitCode::done;
}

ExitCode run_metrics_markdown(const OptionValues&) {
  fmt::print("{}", metrics_markdown());
  return ExitCode::done;
}

struct CommandEntry {
  Command command;
  ExitCode (*run)(const OptionValues&);
};
constexpr std::array kCommands = {
    CommandEntry{Command::produce, run_produce},
    CommandEntry{Command::train, run_train},
    CommandEntry{Command::evaluate, run_evaluate},
    CommandEntry{Command::predict, run_predict},
    CommandEntry{Command::inspect, run_inspect},
    CommandEntry{Command::replay, run_replay},
    CommandEntry{Command::export_model, run_export},
    CommandEntry{Command::import_model, run_import},
    CommandEntry{Command::bench, run_bench},
    CommandEntry{Command::demo, run_demo},
    CommandEntry{Command::doctor, run_doctor},
    CommandEntry{Command::completion, run_completion},
    CommandEntry{Command::man_page, run_man_page},
    CommandEntry{Command::options_markdown, run_options_markdown},
    CommandEntry{Command::metrics_markdown, run_metrics_markdown},
};

ExitCode run(const OptionValues& options) {
  if (!options.page().empty()) {
    fmt::print("{}", options.page());
    return ExitCode::done;
  }
  const auto entry = std::ranges::find(kCommands, options.command(), &CommandEntry::command);
  if (entry == kCommands.end()) throw std::logic_error("no function runs this command");
  return entry->run(options);
}

// A full disk or a closed pipe shows only when the last bytes go out.
void flush_output() {
  if (std::fflush(stdout) != 0)
    throw std::system_error(errno, std::generic_category(), "writing to standard output");
}

// A closed pipe or a file-size limit then fails the write, which says so; they do not kill the process.
void let_writes_fail() {
  std::signal(SIGPIPE, SIG_IGN);
  std::signal(SIGXFSZ, SIG_IGN);
}

// Ends without running destructors of static objects: a Kafka client that a dead broker holds was left alone,
// and its threads may still use them.
[[noreturn]] void leave(ExitCode code) {
  std::fflush(nullptr);
  _exit(static_cast<int>(code));
}

}  // namespace

}  // namespace millrace

int main(int argc, char** argv) {
  try {
    millrace::let_writes_fail();
    millrace::log_to_stderr();
    const millrace::ExitCode code = millrace::run(millrace::resolve_options(argc, argv, environ));
    millrace::flush_output();
    millrace::leave(code);
  } catch (const millrace::DecodeStopped&) {
    // A stop that came while a schema was waited for: nothing that needed it was begun.
    millrace::leave(millrace::ExitCode::done);
  } catch (const std::exception& error) {
    std::fflush(stdout);
    const millrace::ExitCode code = millrace::exit_code_for(error);
    fmt::print(stderr, "{}", millrace::last_line(millrace::sentence_for(error), code));
    millrace::leave(code);
  }
}
