// What the journal costs a window: the digest of its rows, and its entry. Compare with what training the
// window takes (bench/engine/engine_bench, `millrace bench step`): a step of 32 rows is over 100 µs, and a
// window has epochs · rows / batch of them.
#include <benchmark/benchmark.h>
#include <cstdlib>
#include <filesystem>
#include <numeric>
#include <string>
#include <vector>

#include "state/journal.h"
#include "window/rows_digest.h"

namespace millrace {
namespace {

constexpr std::uint32_t kFeatures = 9;
constexpr std::uint32_t kPartitions = 4;

// Rows of a window with holes, as bad records leave them.
void digest_of_rows(benchmark::State& state) {
  const auto rows = static_cast<std::uint32_t>(state.range(0));
  const std::uint32_t slot_rows = rows + rows / 64;
  const std::vector<float> values(std::size_t{slot_rows} * kFeatures, 1.5F);
  const std::vector<float> labels(slot_rows, 1.0F);
  std::vector<std::uint32_t> index(rows);
  for (std::uint32_t i = 0; i < rows; ++i) index[i] = i + i / 65;
  const WindowView window{.index = 0,
                          .rows = rows,
                          .slot_rows = slot_rows,
                          .features = kFeatures,
                          .values = values.data(),
                          .labels = labels.data(),
                          .row_index = index.data()};
  for (auto _ : state) benchmark::DoNotOptimize(rows_digest(window));
}
BENCHMARK(digest_of_rows)->Arg(32)->Arg(4096)->Unit(benchmark::kMicrosecond);

void append_entry(benchmark::State& state) {
  std::string folder = (std::filesystem::temp_directory_path() / "journal-bench-XXXXXX").string();
  if (::mkdtemp(folder.data()) == nullptr) return state.SkipWithError("no temporary folder");
  {
    std::vector<PartitionStart> partitions;
    JournalWindow window;
    window.records = window.rows = 4096;
    for (std::uint32_t partition = 0; partition < kPartitions; ++partition) {
      partitions.push_back({{"topic", static_cast<std::int32_t>(partition)}, {}});
      window.ranges.push_back({.partition = partition, .records = 1024, .rows = 1024});
    }
    Journal journal(std::filesystem::path(folder) / "journal", {}, partitions);
    for (auto _ : state) {
      journal.append(window);
      ++window.index;
    }
  }
  std::filesystem::remove_all(folder);
}
BENCHMARK(append_entry)->Unit(benchmark::kMicrosecond);

}  // namespace
}  // namespace millrace
