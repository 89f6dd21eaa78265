#include "app/demo_command.h"

#include <chrono>
#include <exception>
#include <filesystem>
#include <fmt/format.h>
#include <optional>
#include <ranges>
#include <sstream>
#include <stop_token>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "millrace/errors.h"

#include "app/demo_data.h"
#include "app/job_options.h"
#include "app/log_output.h"
#include "app/record_feed.h"
#include "app/run_view.h"
#include "app/scratch_folder.h"
#include "app/stop_signals.h"
#include "kafka/embedded_broker.h"
#include "kafka/producer.h"

namespace millrace {

namespace {

using namespace std::chrono_literals;

// The published pipeline that this demo repeats: Kafka, tensorflow-io and Keras on the same rows.
constexpr double kArticleAccuracy = 0.914;
constexpr double kArticleLoss = 0.331;

constexpr const char* kTrainTopic = "cancer-train";
constexpr const char* kTestTopic = "cancer-test";
constexpr std::uint64_t kTrainRows = 419;
constexpr std::uint64_t kSplitSeed = 1;
constexpr double kTestShare = 0.4;
constexpr std::uint32_t kFeatures = 9;
// A window that times out is a short one: give the paced stream time to fill it.
constexpr auto kWindowLimit = 5s;
// Slow enough to watch: the whole stream takes seven seconds.
constexpr auto kTimePerRow = 1'000'000us / 60;
constexpr auto kStopDeadline = 3s;

FeedRules feed_rules(SplitPart part) {
  FeedRules rules;
  rules.record = {.label = "class", .label_map = {{"2", "0"}, {"4", "1"}}};
  rules.split = SplitRule{.seed = kSplitSeed, .test_share = kTestShare, .part = part};
  return rules;
}

void send_rows(const ClientSettings& client, const std::string& topic, SplitPart part,
               const std::function<void()>& before_row) {
  TopicProducer producer(client, topic, "murmur2_random");
  std::istringstream rows{std::string(demo_rows())};
  RecordFeed(rows, "the demo's rows", feed_rules(part)).run([&](const MadeRecord& record) {
    before_row();
    producer.send(record.key, record.value);
  });
  producer.flush();
}

// Sends the training rows at a human pace, on a thread of its own, until it is done or asked to stop.
class LiveProducer {
 public:
  explicit LiveProducer(const ClientSettings& client)
      : thread_([this, client](const std::stop_token& stop) { produce(client, stop); }) {}

  // Throws what went wrong.
  void finish() {
    thread_.join();
    if (failure_) std::rethrow_exception(failure_);
  }

 private:
  struct Stopped {};

  void produce(const ClientSettings& client, const std::stop_token& stop) {
    try {
      auto due = std::chrono::steady_clock::now();
      send_rows(client, kTrainTopic, SplitPart::train, [&] {
        if (stop.stop_requested()) throw Stopped{};
        std::this_thread::sleep_until(due += kTimePerRow);
      });
    } catch (const Stopped&) {
    } catch (...) {
      failure_ = std::current_exception();
    }
  }

  std::exception_ptr failure_;  // written by the thread, read after it was joined
  std::jthread thread_;
};

SourceSettings source_settings(const ClientSettings& client, const char* topic) {
  return {.client = client, .topics = {topic}, .memory_bytes = std::size_t{64} << 20};
}

DecoderSettings decoder_settings() { return {.features = kFeatures}; }

struct Lesson {
  std::string name;
  std::uint32_t window_rows;
  bool standardize;
};

TrainJob training(const ClientSettings& client, const std::filesystem::path& state, const Lesson& lesson) {
  TrainJob job;
  job.source = source_settings(client, kTrainTopic);
  job.decoder = decoder_settings();
  job.label = "key";
  job.shape = {{kFeatures, 128, 256, 128, 1}};
  job.training.standardize = lesson.standardize;
  job.window_rows = lesson.window_rows;
  job.window_limit = kWindowLimit;
  job.stop = {.when = StopRule::When::records, .records = kTrainRows};
  job.state = state;
  return job;
}

EvaluateResult test(const ClientSettings& client, const Checkpoint& checkpoint, const std::stop_token& stop) {
  EvaluateJob job;
  job.source = source_settings(client, kTestTopic);
  job.decoder = decoder_settings();
  job.stop = {.when = StopRule::When::end};
  job.auc_rows = 1000;
  return run_evaluate_job(
      job, checkpoint, [](const EvaluateTick&) {}, stop);
}

struct Contestant {
  Lesson lesson;
  LearningCurve curve;
  EvaluateResult result;
  std::string engine;
};

Contestant train_and_test(const Lesson& lesson, const TrainJob& job, Progress& progress,
                          const std::stop_token& stop) {
  RunView view(progress);
  TrainResult trained = run_train_job(job, view.observer(), stop);
  view.finish(trained);
  return {lesson, view.curve(), test(job.source.client, trained.checkpoint, stop), std::move(trained.engine)};
}

std::string number(std::optional<double> value, int decimals) {
  return value ? fmt::format("{:.{}f}", *value, decimals) : "–";
}

ReportTable result_table(std::span<const Contestant> contestants) {
  ReportTable table{.title = "On the 280 test rows",
                    .columns = {"", "accuracy", "loss", "AUC"},
                    .rows = {{"the article: tensorflow-io and Keras", number(kArticleAccuracy, 3),
                              number(kArticleLoss, 3), "–"}},
                    .note =
                        "One pass over 419 rows, 3 epochs, batches of 32, Adam. The article trains on one\n"
                        "window of all rows, unscaled; its split is another one, so digits may differ."};
  // The one that does as the article does stands beside it.
  for (const Contestant& contestant : contestants | std::views::reverse) {
    const StreamMetrics& metrics = contestant.result.metrics;
    table.rows.push_back({"millrace, " + contestant.lesson.name, number(metrics.accuracy, 3),
                          number(metrics.loss, 3), number(contestant.result.auc, 3)});
  }
  return table;
}

void print_table(const ReportTable& table) {
  fmt::print("\n{}\n", table.title);
  for (const std::vector<std::string>& row : table.rows) {
    fmt::print("  {:<44}  accuracy {:>5}  loss {:>5}  AUC {:>5}\n", row[0], row[1], row[2], row[3]);
  }
  fmt::print("{}\n", table.note);
}

Report report_of(std::span<const Contestant> contestants, const ReportTable& results) {
  std::vector<NamedCurve> curves;
  for (const Contestant& contestant : contestants) {
    const bool is_a_curve = contestant.curve.points().size() > 1;
    if (is_a_curve) curves.push_back({contestant.lesson.name, &contestant.curve});
  }
  Report report{
      .title = "A network learns from a Kafka topic",
      .subtitle =
          "Wisconsin breast cancer, 419 rows streamed through cancer-train; every row was scored "
          "before it was trained.",
      .tables = {results},
      .plots = learning_plots(curves),
      .footer = fmt::format("millrace demo · {} · rows: W. H. Wolberg, University of Wisconsin Hospitals",
                            contestants.front().engine)};
  report.plots[1].reference = kArticleAccuracy;
  report.plots[1].reference_name = "the article, on test rows";
  return report;
}

}  // namespace

ExitCode run_demo(const OptionValues& options) {
  const StopSignals signals(kStopDeadline);
  Progress progress(options.flag("quiet"));
  const LogAboveProgress log(progress);
  const ScratchFolder folder("millrace-demo");
  const EmbeddedBroker broker({{kTrainTopic, 1}, {kTestTopic, 2}});
  const ClientSettings client{.brokers = broker.brokers()};
  send_rows(client, kTestTopic, SplitPart::test, [] {});

  progress.note(fmt::format("A Kafka broker inside this process listens on {}.", client.brokers));
  progress.note("A producer sends 419 rows to cancer-train, 60 a second; a network learns as they come.");
  std::vector<Contestant> contestants;
  const auto take_lesson = [&](const Lesson& lesson) {
    const std::filesystem::path state = folder.path() / std::to_string(contestants.size());
    contestants.push_back(train_and_test(lesson, training(client, state, lesson), progress, signals.token()));
    return !signals.token().stop_requested();
  };
  {
    LiveProducer producer(client);
    if (!take_lesson({"windows of 32 rows, --standardize", 32, true})) return ExitCode::done;
    producer.finish();
  }
  progress.note("The topic keeps its rows: a second network reads it again from its beginning, unscaled.");
  if (!take_lesson({"windows of 32 rows", 32, false})) return ExitCode::done;
  progress.note("A third one trains as the article does: one window of all rows, unscaled.");
  if (!take_lesson({"as the article", kTrainRows, false})) return ExitCode::done;

  const ReportTable results = result_table(contestants);
  print_table(results);
  const std::filesystem::path report = std::filesystem::absolute(options.text("report"));
  write_report(report, report_of(contestants, results));
  fmt::print("\nLearning curves: {}\nYour own topic:  docs/first-topic.md\n", report.string());
  return ExitCode::done;
}

}  // namespace millrace
