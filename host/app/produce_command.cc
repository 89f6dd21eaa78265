#include "app/produce_command.h"

#include <cerrno>
#include <chrono>
#include <cstdint>
#include <cstdio>
#include <cstring>
#include <filesystem>
#include <fmt/format.h>
#include <fstream>
#include <iostream>
#include <nlohmann/json.hpp>
#include <optional>
#include <string>
#include <system_error>
#include <thread>
#include <unistd.h>
#include <utility>
#include <vector>

#include "app/feed_rules.h"
#include "app/input_row_error.h"
#include "app/job_options.h"
#include "app/record_packer.h"
#include "kafka/admin.h"
#include "kafka/client.h"
#include "kafka/producer.h"
#include "report/run_summary.h"

namespace millrace {

namespace {

using Clock = std::chrono::steady_clock;
using Kind = OptionError::Kind;

double seconds_since(Clock::time_point begin) {
  return std::chrono::duration<double>(Clock::now() - begin).count();
}

// Either standard input or a file.
class Input {
 public:
  explicit Input(const OptionValues& options) : path_(options.text("file")) {
    if (path_ == "-") {
      std::ios::sync_with_stdio(
          false);  // an order of magnitude faster, and nothing else reads standard input
      return;
    }
    std::error_code ignored;
    if (std::filesystem::is_directory(path_, ignored)) {
      errno = EISDIR;
    } else {
      file_.open(path_, std::ios::binary);
    }
    if (!file_.is_open()) {
      throw OptionError(Kind::invalid, options.written("file"), path_,
                        fmt::format("the file cannot be read: {}", std::strerror(errno)));
    }
  }

  [[nodiscard]] std::istream& stream() { return path_ == "-" ? std::cin : file_; }
  [[nodiscard]] std::string name() const { return path_ == "-" ? "standard input" : path_; }

 private:
  const std::string path_;
  std::ifstream file_;
};

// Keeps rows to a rate, counted from the first one: a moment that came late is made up for.
class Pace {
 public:
  explicit Pace(std::optional<double> rows_per_s) : rows_per_s_(rows_per_s) {}

  void wait_for_turn(std::uint64_t rows_before) const {
    if (!rows_per_s_) return;
    const std::chrono::duration<double> due(static_cast<double>(rows_before) / *rows_per_s_);
    std::this_thread::sleep_until(begin_ + std::chrono::duration_cast<Clock::duration>(due));
  }

 private:
  const std::optional<double> rows_per_s_;
  const Clock::time_point begin_ = Clock::now();
};

// How many rows went out, on standard error: one line that changes on a terminal, a line now and then
// elsewhere.
class SendProgress {
 public:
  explicit SendProgress(bool quiet) : quiet_(quiet), terminal_(isatty(STDERR_FILENO) == 1) {}
  SendProgress(const SendProgress&) = delete;
  SendProgress& operator=(const SendProgress&) = delete;
  ~SendProgress() {
    if (line_is_open_) std::fputc('\n', stderr);
  }

  void update(std::uint64_t rows) {
    if (quiet_) return;
    const Clock::time_point now = Clock::now();
    if (now - shown_at_ < (terminal_ ? std::chrono::milliseconds(100) : std::chrono::milliseconds(5000)))
      return;
    shown_at_ = now;
    const double seconds = std::chrono::duration<double>(now - begin_).count();
    fmt::print(stderr, "{}{} rows sent, {:.0f} rows/s{}", terminal_ ? "\r" : "", rows,
               static_cast<double>(rows) / seconds, terminal_ ? "\033[K" : "\n");
    std::fflush(stderr);
    line_is_open_ = terminal_;
  }

 private:
  const bool quiet_;
  const bool terminal_;
  const Clock::time_point begin_ = Clock::now();
  Clock::time_point shown_at_ = begin_;
  bool line_is_open_ = false;
};

struct Sent {
  std::uint64_t rows = 0;
  std::uint64_t records = 0;
  std::uint64_t bytes = 0;  // keys and values
  double seconds = 0;
  std::vector<std::uint64_t> records_by_partition;

  [[nodiscard]] double rows_per_s() const { return seconds > 0 ? static_cast<double>(rows) / seconds : 0; }
};

// The topic is there afterwards.
void require_topic(const ClientSettings& client, const OptionValues& options) {
  const std::string& name = options.text("topic");
  const std::optional<TopicDescription> topic = describe_topic(client, name);
  if (!topic && !options.given("partitions")) {
    throw KafkaError(KafkaError::Kind::topic_missing, "looking up the topic", "UNKNOWN_TOPIC_OR_PART",
                     "the cluster has no such topic", name);
  }
  if (!topic) {
    create_topic(client, name, static_cast<int>(options.integer("partitions")));
  } else if (options.given("partitions") &&
             options.integer("partitions") != static_cast<std::int64_t>(topic->partitions.size())) {
    throw OptionError(Kind::conflict, options.written("partitions"), options.text("partitions"),
                      fmt::format("topic {} is there already, with {}", name, topic->partitions.size()));
  }
}

Sent send_all(RecordFeed& feed, TopicProducer& producer, const OptionValues& options) {
  const Pace pace(options.given("rate") ? std::optional<double>(options.number("rate")) : std::nullopt);
  const Clock::time_point begin = Clock::now();
  SendProgress progress(options.flag("quiet"));
  Sent sent;
  const RecordSink send = [&](const MadeRecord& record) {
    producer.send(record.key, record.value);
    sent.bytes += record.value.size() + (record.key ? record.key->size() : 0);
  };
  std::optional<RecordPacker> packer;
  if (options.text("format") == "packed") {
    packer.emplace(feed.fields(), !options.text("label").empty(),
                   static_cast<std::uint32_t>(options.integer("rows-per-record")), send);
  }
  const auto send_rest = [&] {
    if (packer) packer->flush();
    producer.flush();
  };
  try {
    feed.run([&](const MadeRecord& record) {
      pace.wait_for_turn(sent.rows);
      packer ? packer->add(record) : send(record);
      ++sent.rows;
      progress.update(sent.rows);
    });
  } catch (const InputRowError& error) {
    send_rest();
    throw InputRowError(error.input, error.line,
                        fmt::format("{} (rows sent before it: {})", error.reason, sent.rows));
  }
  send_rest();
  sent.records = producer.delivered();
  sent.seconds = seconds_since(begin);
  sent.records_by_partition = producer.delivered_by_partition();
  return sent;
}

std::string json_of(const Sent& sent) {
  nlohmann::ordered_json partitions = nlohmann::ordered_json::object();
  for (std::size_t partition = 0; partition < sent.records_by_partition.size(); ++partition) {
    partitions[std::to_string(partition)] = sent.records_by_partition[partition];
  }
  return nlohmann::ordered_json{{"schema_version", kSummarySchemaVersion},
                                {"rows", sent.rows},
                                {"records", sent.records},
                                {"bytes", sent.bytes},
                                {"seconds", sent.seconds},
                                {"rows_per_s", sent.rows_per_s()},
                                {"partitions", partitions}}
      .dump();
}

std::string counted(std::uint64_t number, const char* thing) {
  return fmt::format("{} {}{}", number, thing, number == 1 ? "" : "s");
}

std::string text_of(const Sent& sent, const std::string& topic) {
  const std::string packed =
      sent.records < sent.rows ? fmt::format(" in {}", counted(sent.records, "record")) : std::string();
  std::string text =
      fmt::format("{}{} ({}) in {:.2f} s, {:.0f} rows/s, to topic {}", counted(sent.rows, "row"), packed,
                  counted(sent.bytes, "byte"), sent.seconds, sent.rows_per_s(), topic);
  const char* separator = ": ";
  for (std::size_t partition = 0; partition < sent.records_by_partition.size(); ++partition) {
    text += fmt::format("{}{} in partition {}", std::exchange(separator, ", "),
                        sent.records_by_partition[partition], partition);
  }
  return text;
}

}  // namespace

ExitCode run_produce(const OptionValues& options) {
  Input input(options);
  RecordFeed feed(input.stream(), input.name(), feed_rules(options));
  const ClientSettings client = client_settings(options);
  require_topic(client, options);
  TopicProducer producer(client, options.text("topic"), options.text("partitioner"));
  const Sent sent = send_all(feed, producer, options);
  fmt::print("{}\n", options.flag("json") ? json_of(sent) : text_of(sent, options.text("topic")));
  return ExitCode::done;
}

}  // namespace millrace
