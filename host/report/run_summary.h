// What train, evaluate and inspect say at their end: one JSON object for programs (`--json`), or text for
// people.
//
// Pure functions of plain values; any thread may call them. Neither form ends in a newline. In JSON what is
// undefined or not finite is null; `schema_version` grows when a member changes its meaning or goes away, not
// when one is added.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <utility>
#include <variant>
#include <vector>

#include "millrace/metrics.h"
#include "millrace/position.h"

namespace millrace {

inline constexpr int kSummarySchemaVersion = 1;

// By name of the reason; those that did not occur may be left out.
using ReasonCounts = std::vector<std::pair<std::string, std::uint64_t>>;

struct RunTotals {
  std::uint64_t records = 0;  // bad ones included
  std::uint64_t rows = 0;
  std::uint64_t windows = 0;
  std::uint64_t steps = 0;
  std::uint64_t skipped_steps = 0;
  std::uint64_t rolled_back_rows = 0;
  std::uint64_t bad_records = 0;
  ReasonCounts bad_records_by_reason;
  double seconds = 0;
};

struct TrainSummary {
  RunTotals run;
  RunTotals lifetime;
  std::uint64_t dead_letters = 0;             // of this run, acknowledged
  std::string engine;                         // one line for people, of the engine
  std::optional<double> loss, accuracy, auc;  // prequential, of this run
  std::uint64_t data_losses = 0;              // of this run, where reading went on without lost records
  std::uint64_t lost_offsets = 0;             // of these, as far as it is known how many
  std::vector<TrainedPosition> positions;
  std::string checkpoint;              // the file that holds the result; may be empty
  std::uint64_t replayed_windows = 0;  // from the journal, before this run's own
  std::uint64_t replayed_rows = 0;
};

struct EvaluateSummary {
  std::uint64_t records = 0;  // bad ones included
  std::uint64_t rows = 0;
  std::uint64_t bad_records = 0;
  ReasonCounts bad_records_by_reason;
  double seconds = 0;
  std::optional<double> loss, accuracy, auc;
  ConfusionMatrix confusion;
  std::uint64_t data_losses = 0;           // as in TrainSummary
  std::uint64_t lost_offsets = 0;          // likewise
  std::vector<TrainedPosition> positions;  // up to where it read
  std::string checkpoint;                  // the file whose weights were used; may be empty
};

struct Setting {
  using Value =
      std::variant<std::string, bool, std::int64_t, std::uint64_t, double, std::vector<std::string>>;
  std::string name;  // the option's, without dashes
  Value value;
};

struct FeatureMoments {
  std::string name;
  std::uint64_t count = 0;  // values seen, missing ones excluded
  std::optional<double> mean, standard_deviation;
};

struct InspectSummary {
  std::string file;
  std::string version;  // of the millrace that wrote it
  std::uint64_t sequence = 0;
  std::int64_t written_at_ms = 0;
  RunTotals lifetime;
  std::vector<std::uint32_t> widths;  // inputs, hidden layers, 1
  std::uint64_t parameters = 0;
  std::uint64_t weights_digest = 0;
  std::uint64_t state_digest = 0;
  std::vector<TrainedPosition> positions;
  std::uint64_t journalled_windows = 0;  // after the checkpoint, of a folder: the next run trains them again
  std::uint64_t journalled_rows = 0;
  std::vector<Setting> settings;
  std::vector<FeatureMoments> standardizer;  // empty where features are not standardized
};

// A segment of the journal.
struct JournalSummary {
  struct Range {
    TopicPartition partition;
    Position begin;
    Position end;
  };
  // A window, or a roll-back.
  struct Entry {
    std::uint64_t window = 0;
    std::optional<std::uint64_t> rolled_back_to;  // the sequence number of a checkpoint
    std::uint64_t rows = 0;                       // of a roll-back: whose lessons were lost
    std::uint64_t records = 0;
    std::uint64_t rows_digest = 0;
    std::vector<Range> ranges;
  };
  std::string file;
  std::uint64_t sequence = 0;  // of the checkpoint that it follows
  std::string trouble;         // why entries may be missing at its end; empty: none are
  std::vector<Entry> entries;
  std::vector<Setting> settings;
};

struct ReplaySummary {
  // From one checkpoint to the next.
  struct Step {
    std::uint64_t from = 0;  // sequence numbers
    std::uint64_t to = 0;
    std::uint64_t windows = 0;
    std::uint64_t rows = 0;
    bool equal = false;  // what was trained again is what had been trained
  };
  std::vector<Step> steps;
  double seconds = 0;
};

// A topic as a read_committed consumer finds it.
struct TopicSummary {
  struct Partition {
    std::int32_t partition = 0;
    std::int64_t begin = 0;  // offset of the first record
    std::int64_t end = 0;    // the last stable offset
  };
  std::string topic;
  std::vector<Partition> partitions;
};

[[nodiscard]] std::string json_of(const TrainSummary& summary);
[[nodiscard]] std::string json_of(const EvaluateSummary& summary);
[[nodiscard]] std::string json_of(const InspectSummary& summary);
[[nodiscard]] std::string json_of(const JournalSummary& summary);
[[nodiscard]] std::string json_of(const ReplaySummary& summary);
[[nodiscard]] std::string json_of(const TopicSummary& summary);

[[nodiscard]] std::string text_of(const TrainSummary& summary);
[[nodiscard]] std::string text_of(const EvaluateSummary& summary);
[[nodiscard]] std::string text_of(const InspectSummary& summary);
[[nodiscard]] std::string text_of(const JournalSummary& summary);
[[nodiscard]] std::string text_of(const ReplaySummary& summary);
[[nodiscard]] std::string text_of(const TopicSummary& summary);

}  // namespace millrace
