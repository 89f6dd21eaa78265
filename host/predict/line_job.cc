#include "predict/line_job.h"

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstring>
#include <fmt/format.h>
#include <poll.h>
#include <string>
#include <string_view>
#include <system_error>
#include <unistd.h>
#include <vector>

#include "kafka/event_fd.h"

namespace millrace {
namespace {

using Clock = std::chrono::steady_clock;

constexpr std::size_t kReadBytes = std::size_t{256} << 10;

// Complete lines, as they come.
class Lines {
 public:
  Lines(int input, std::size_t max_line_bytes) : input_(input), most_(max_line_bytes) {}

  // Waits until something comes, or `interrupt` is readable. Lines of the last call are gone.
  void read_more(int interrupt);
  [[nodiscard]] const std::vector<RecordView>& lines() const { return lines_; }
  [[nodiscard]] bool at_end() const { return at_end_; }

 private:
  void cut(bool end);
  void add(std::string_view line) {
    if (line.ends_with('\r')) line.remove_suffix(1);
    lines_.push_back({.value = line, .has_value = true});
  }

  const int input_;
  const std::size_t most_;
  std::vector<char> chunk_ = std::vector<char>(kReadBytes);
  std::string bytes_;         // the lines, and what has come of the next one
  std::size_t used_ = 0;      // bytes of lines that were handed out
  std::size_t searched_ = 0;  // bytes without another line end
  bool at_end_ = false;
  std::vector<RecordView> lines_;
};

void Lines::read_more(int interrupt) {
  lines_.clear();
  bytes_.erase(0, used_);
  searched_ -= used_;
  used_ = 0;
  std::array<pollfd, 2> sources{{{input_, POLLIN, 0}, {interrupt, POLLIN, 0}}};
  if (::poll(sources.data(), sources.size(), -1) < 0) {
    if (errno == EINTR) return;
    throw std::system_error(errno, std::generic_category(), "waiting for standard input");
  }
  if (sources[0].revents == 0) return;
  const ssize_t got = ::read(input_, chunk_.data(), chunk_.size());
  if (got < 0 && (errno == EINTR || errno == EAGAIN)) return;
  if (got < 0) throw std::system_error(errno, std::generic_category(), "reading standard input");
  bytes_.append(chunk_.data(), static_cast<std::size_t>(got));
  at_end_ = got == 0;
  cut(at_end_);
}

void Lines::cut(bool end) {
  for (;;) {
    const std::size_t line_end = bytes_.find('\n', searched_);
    if (line_end == std::string::npos) break;
    add(std::string_view(bytes_).substr(used_, line_end - used_));
    used_ = searched_ = line_end + 1;
  }
  searched_ = bytes_.size();
  if (end && used_ < bytes_.size()) {
    add(std::string_view(bytes_).substr(used_));
    used_ = bytes_.size();
  }
  // Of a line that is too large, so much is kept that the decoder finds it to be so.
  if (bytes_.size() - used_ > most_ + 1) {
    bytes_.resize(used_ + most_ + 1);
    searched_ = bytes_.size();
  }
}

// False: nobody reads any more.
bool write_all(int output, std::string_view text) {
  while (!text.empty()) {
    const ssize_t written = ::write(output, text.data(), text.size());
    if (written < 0 && errno == EPIPE) return false;
    if (written < 0 && errno == EAGAIN) {
      pollfd writable{output, POLLOUT, 0};
      static_cast<void>(::poll(&writable, 1, -1));
      continue;
    }
    if (written < 0 && errno == EINTR) continue;
    if (written < 0) throw std::system_error(errno, std::generic_category(), "writing to standard output");
    text.remove_prefix(static_cast<std::size_t>(written));
  }
  return true;
}

void append_answer(fmt::memory_buffer& answers, const PredictedRow& row, PredictionFormat format,
                   const RowScorer& scorer) {
  if (row.outcome.good) {
    append_prediction(answers, format, row.probability, scorer.model_version());
  } else {
    append_bad_row(answers, format, row.outcome.reason, scorer.decoder().field_name(row.outcome.field));
  }
  answers.push_back('\n');
}

}  // namespace

PredictCounts run_line_job(const LineJob& job, RowScorer& scorer, const PredictObserver& observe,
                           std::stop_token stop) {
  EventFd stopped;
  const std::stop_callback on_stop(stop, [&] { stopped.signal(); });
  const Clock::time_point begun = Clock::now();
  Lines input(job.input, job.max_line_bytes);
  PredictCounts counts;
  fmt::memory_buffer answers;
  bool read_by_someone = true;
  while (read_by_someone && !input.at_end() && !stop.stop_requested()) {
    input.read_more(stopped.descriptor());
    if (input.lines().empty()) continue;
    const Clock::time_point arrived = Clock::now();
    counts.models += scorer.follow() ? 1 : 0;
    answers.clear();
    for (const PredictedRow& row : scorer.score(input.lines())) {
      append_answer(answers, row, job.format, scorer);
      if (row.outcome.good) {
        ++counts.rows;
      } else {
        ++counts.bad_records[static_cast<std::size_t>(row.outcome.reason)];
      }
    }
    read_by_someone = write_all(job.output, {answers.data(), answers.size()});
    const Clock::time_point now = Clock::now();
    counts.records += input.lines().size();
    counts.latency.add(std::chrono::duration_cast<std::chrono::microseconds>(now - arrived),
                       input.lines().size());
    counts.elapsed = now - begun;
    observe(counts);
  }
  return counts;
}

}  // namespace millrace
