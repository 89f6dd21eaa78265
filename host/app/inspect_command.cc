#include "app/inspect_command.h"

#include <filesystem>
#include <fmt/format.h>
#include <optional>
#include <string>
#include <variant>
#include <vector>

#include "app/job_options.h"
#include "app/summaries.h"
#include "kafka/admin.h"
#include "report/progress.h"
#include "state/journal.h"
#include "state/state_folder.h"

namespace millrace {

namespace {

InspectSummary inspect_folder(const std::filesystem::path& folder) {
  Progress notes(false);
  std::vector<std::string> fallbacks;
  const std::optional<Checkpoint> newest = read_newest_checkpoint(folder, &fallbacks);
  for (const std::string& sentence : fallbacks) notes.note(sentence);
  if (!newest) throw StateError(StateError::Kind::missing, folder, "it holds no checkpoint");
  InspectSummary summary = summary_of(*newest, folder / checkpoint_file_name(newest->sequence));
  std::vector<std::string> journal_notes;
  for (const JournalSegment& segment : read_journals(folder, newest->sequence, journal_notes)) {
    for (const JournalEntry& entry : segment.entries) {
      if (const auto* window = std::get_if<JournalWindow>(&entry)) {
        ++summary.journalled_windows;
        summary.journalled_rows += window->rows;
      }
    }
  }
  for (const std::string& sentence : journal_notes) notes.note(sentence);
  return summary;
}

InspectSummary inspect_checkpoint(const std::filesystem::path& path) {
  if (std::filesystem::is_directory(path)) return inspect_folder(path);
  return summary_of(read_checkpoint(path), path);
}

TopicSummary inspect_topic(const ClientSettings& client, const std::string& topic) {
  const std::optional<TopicDescription> description = describe_topic(client, topic);
  if (!description) {
    throw KafkaError(KafkaError::Kind::topic_missing, "inspecting a topic", "UNKNOWN_TOPIC_OR_PART",
                     "the cluster has no such topic", topic);
  }
  TopicSummary summary{.topic = topic};
  for (const TopicDescription::Partition& partition : description->partitions) {
    summary.partitions.push_back({partition.partition, partition.begin, partition.end});
  }
  return summary;
}

}  // namespace

ExitCode run_inspect(const OptionValues& options) {
  const auto print = [&](const auto& summary) {
    fmt::print("{}\n", options.flag("json") ? json_of(summary) : text_of(summary));
  };
  if (!options.positional().empty() && options.given("topic")) {
    throw OptionError(OptionError::Kind::conflict, options.written("topic"), options.text("topic"),
                      "inspect looks at a state or at a topic, one at a time");
  }
  if (options.positional().empty()) {
    print(inspect_topic(client_settings(options), options.text("topic")));
  } else {
    const std::filesystem::path path = options.positional().front();
    if (is_journal(path)) {
      print(summary_of(read_journal(path), path));
    } else {
      print(inspect_checkpoint(path));
    }
  }
  return ExitCode::done;
}

}  // namespace millrace
