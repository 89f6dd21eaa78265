#include "window/assembler.h"

#include <algorithm>
#include <exception>
#include <limits>
#include <numeric>
#include <stdexcept>
#include <utility>

#include "decode/decode_stopped.h"

namespace millrace {
namespace {

using std::chrono::milliseconds;

// The source is asked again at least this often, whether or not it said that something came.
constexpr std::chrono::seconds kLongestWait{10};

// Fails early where the caller broke the contract.
const AssemblerSettings& checked(const AssemblerSettings& settings, const RecordSource& source) {
  const std::size_t partitions = source.partitions().size();
  const bool to_ends = settings.stop.when == StopRule::When::end;
  constexpr milliseconds kLongestLimit = std::chrono::years(10);  // fits the clock
  if (settings.window_limit > kLongestLimit || settings.window_rows == 0 || settings.slots == 0 ||
      settings.decode_threads == 0 || partitions == 0 || settings.starts.size() != partitions ||
      settings.ends.size() != (to_ends ? partitions : 0) || settings.fingerprint == nullptr) {
    throw std::invalid_argument("settings of the assembler");
  }
  return settings;
}

std::vector<WindowSlot> make_slots(const AssemblerSettings& settings, std::uint32_t features,
                                   const std::function<HostBuffer(std::size_t)>& allocate) {
  std::vector<WindowSlot> slots;
  slots.reserve(settings.slots);
  for (std::size_t i = 0; i < settings.slots; ++i) {
    slots.emplace_back(settings.window_rows, features,
                       allocate(WindowSlot::bytes_needed(settings.window_rows, features)));
    slots.back().ranges.reserve(settings.starts.size());
    slots.back().commit_offsets.reserve(settings.starts.size());
  }
  return slots;
}

std::vector<std::int64_t> offsets_of(const std::vector<Position>& positions) {
  std::vector<std::int64_t> offsets;
  for (const Position& position : positions) offsets.push_back(position.offset);
  return offsets;
}

}  // namespace

Assembler::Assembler(RecordSource& source, const Decoder& decoder, const AssemblerSettings& settings,
                     const std::function<HostBuffer(std::size_t)>& allocate)
    : source_(source),
      settings_(checked(settings, source)),
      ring_(make_slots(settings, decoder.features(), allocate), offsets_of(settings.starts)),
      turns_(settings.window_rows, settings.starts.size()),
      builder_(decoder, settings.decode_threads, settings.window_rows, settings.fingerprint, settings.starts,
               settings.bad_records),
      partitions_(settings.starts.size()),
      order_(settings.starts.size()),
      unfinished_(settings.starts.size()),
      records_left_(std::numeric_limits<std::uint64_t>::max()),
      next_index_(settings.first_window_index) {
  if (settings_.stop.when == StopRule::When::records) records_left_ = settings_.stop.records;
  std::iota(order_.begin(), order_.end(), std::size_t{0});
  for (std::size_t i = 0; i < partitions_.size(); ++i) {
    PartitionState& partition = partitions_[i];
    partition.next_offset = settings_.starts[i].offset;
    partition.stop_before = std::numeric_limits<std::int64_t>::max();
    if (settings_.stop.when == StopRule::When::end) partition.stop_before = settings_.ends[i];
    partition.finished = partition.next_offset >= partition.stop_before;
    if (partition.finished) --unfinished_;
  }
  thread_ = std::jthread([this] { run(); });
}

Assembler::~Assembler() { request_stop(); }

void Assembler::request_stop() noexcept {
  stop_requested_ = true;
  ring_.stop();
  if (settings_.bad_records != nullptr) settings_.bad_records->stop();
  source_.wake();
}

WindowSlot* Assembler::take() {
  try {
    WindowSlot* const slot = ring_.take_full();
    if (slot == nullptr && thread_.joinable()) thread_.join();
    return slot;
  } catch (...) {
    if (thread_.joinable()) thread_.join();
    throw;
  }
}

void Assembler::run() noexcept {
  try {
    assemble();
  } catch (const DecodeStopped&) {
    ring_.stop();
  } catch (...) {
    ring_.fail(std::current_exception());
  }
  builder_.abandon();
}

void Assembler::assemble() {
  last_record_ = Clock::now();
  for (;;) {
    const auto asked = Clock::now();
    WindowSlot* const slot = ring_.take_free();
    if (slot == nullptr) return;
    last_record_ += Clock::now() - asked;  // the trainer's time is not the topic's

    builder_.open(*slot);
    const Cut cut = fill();
    if (cut == Cut::stopped) return;
    hand_over(slot);
    using Reason = StreamEnd::Reason;
    if (cut == Cut::end) return ring_.close({Reason::end, commit_offsets()});
    if (cut == Cut::idle) return ring_.close({Reason::idle, commit_offsets()});
    if (cut == Cut::records) return ring_.close({Reason::records, commit_offsets()});
  }
}

void Assembler::hand_over(WindowSlot* slot) {
  builder_.close();
  if (slot->places == 0) {
    ring_.give_back(slot);
    return;
  }
  slot->index = next_index_;
  if (slot->rows > 0) ++next_index_;
  for (std::size_t index = 0; index < partitions_.size(); ++index) {
    slot->commit_offsets.push_back(commit_offset(index));
  }
  slot->new_partitions.swap(new_partitions_);
  ring_.hand_over(slot);
}

// Takes records in turns until the window is cut.
Assembler::Cut Assembler::fill() {
  turns_.begin_window();
  deadline_ = Clock::time_point::max();
  for (std::size_t index = 0; index < partitions_.size(); ++index) {
    if (partitions_[index].lost && !builder_.has_rest(static_cast<std::uint32_t>(index))) recover(index);
  }
  while (!turns_.full()) {
    if (turns_.empty()) read_new_partitions();
    if (const auto cut = cut_of_stream()) return *cut;
    const auto now = Clock::now();
    if (const auto cut = cut_by_time(now)) return *cut;

    const std::size_t index = order_[turns_.partition()];
    if (take_from(index) > 0) continue;
    const PartitionState& partition = partitions_[index];
    if (partition.lost) {
      if (!turns_.empty()) return Cut::loss;
      recover(index);
      continue;
    }
    if (partition.at_end || partition.finished) {
      turns_.pass();
      if (!turns_.all_passed()) continue;
    }
    wait_for_more(now);
  }
  return Cut::full;
}

std::optional<Assembler::Cut> Assembler::cut_of_stream() const {
  if (stop_requested_) return Cut::stopped;
  if (records_left_ == 0) return Cut::records;
  if (unfinished_ == 0) return Cut::end;
  return std::nullopt;
}

// When time is up, whoever has something gives it, in turn order; nobody is waited for any more.
std::optional<Assembler::Cut> Assembler::cut_by_time(Clock::time_point now) {
  const bool idle = settings_.stop.when == StopRule::When::idle && now >= last_record_ + settings_.stop.idle;
  if (!idle && now < deadline_) return std::nullopt;
  std::uint32_t taken = 0;
  while (!turns_.full() && !turns_.all_passed()) {
    const std::uint32_t from_one = take_from(order_[turns_.partition()]);
    if (from_one == 0) turns_.pass();
    taken += from_one;
  }
  return idle && taken == 0 ? Cut::idle : Cut::time;
}

// Nobody has anything to give, or the one whose turn it is does not deliver.
void Assembler::wait_for_more(Clock::time_point now) {
  builder_.settle();
  // A partition that does not deliver must not keep the others from a window for ever, so time runs even if
  // nothing was taken yet.
  if (!turns_.all_passed()) deadline_ = std::min(deadline_, now + settings_.window_limit);
  auto until = std::min(deadline_, now + kLongestWait);
  if (settings_.stop.when == StopRule::When::idle) {
    until = std::min(until, last_record_ + settings_.stop.idle);
  }
  source_.wait(std::max(std::chrono::ceil<milliseconds>(until - now), milliseconds{0}));
  turns_.listen_again();
}

void Assembler::read_new_partitions() {
  if (settings_.stop.when == StopRule::When::end) return;
  const std::vector<PartitionStart> found = source_.discover();
  if (found.empty()) return;
  const std::span<const TopicPartition> partitions = source_.partitions();
  for (const PartitionStart& added : found) {
    order_.insert(std::ranges::upper_bound(order_, added.partition, {},
                                           [&](std::size_t index) { return partitions[index]; }),
                  partitions_.size());
    partitions_.push_back(
        {.next_offset = added.start.offset, .stop_before = std::numeric_limits<std::int64_t>::max()});
    ++unfinished_;
    std::vector<std::uint32_t> places(order_.size());
    for (std::uint32_t place = 0; place < order_.size(); ++place) places[order_[place]] = place;
    builder_.read_also(added.start, places);
    new_partitions_.push_back(added);
  }
  turns_ = TurnPlan(settings_.window_rows, order_.size());
}

void Assembler::recover(std::size_t index) {
  PartitionState& partition = partitions_[index];
  const Position next = source_.recover(index);
  builder_.move(static_cast<std::uint32_t>(index), next);
  // The end that another log had says nothing of this one.
  const bool went_back = next.offset < partition.next_offset;
  const bool at_its_end = settings_.stop.when == StopRule::When::end && went_back;
  partition.next_offset = next.offset;
  partition.at_end = false;
  partition.lost = false;
  partition.finished = at_its_end || next.offset >= partition.stop_before;
  if (partition.finished) --unfinished_;
}

// Takes what has arrived of what the partition may still give in its turn.
std::uint32_t Assembler::take_from(std::size_t index) {
  const auto number = static_cast<std::uint32_t>(index);
  PartitionState& partition = partitions_[index];
  if (turns_.full() || records_left_ == 0) return 0;
  if (!builder_.has_rest(number) && !partition.finished && !partition.lost) pull(index);
  const WindowBuilder::Placed placed =
      builder_.place(number, {.rows = turns_.grant(), .records = records_left_});
  if (!partition.finished && !builder_.has_rest(number) && partition.next_offset >= partition.stop_before) {
    partition.finished = true;
    --unfinished_;
  }
  if (placed.rows == 0) return 0;
  partition.record_rows = placed.largest;
  last_record_ = Clock::now();
  if (turns_.empty()) deadline_ = last_record_ + settings_.window_limit;
  turns_.took(placed.rows);
  records_left_ -= std::min<std::uint64_t>(records_left_, placed.records);
  return placed.rows;
}

// About as many records as hold what the partition may give; more stay for its next turn.
void Assembler::pull(std::size_t index) {
  const auto number = static_cast<std::uint32_t>(index);
  PartitionState& partition = partitions_[index];
  const std::uint32_t rows = std::min(turns_.grant(), WindowBuilder::kBatchRows);
  const std::uint64_t most = std::min<std::uint64_t>(
      {std::max(rows / partition.record_rows, 1U), WindowBuilder::kBatchRecords, records_left_});
  std::size_t count = 0;
  do {
    RecordBatch& batch = builder_.batch();
    const PullOutcome outcome = source_.pull(index, most, batch);
    count = batch.size();
    while (count > 0 && batch.records()[count - 1].offset >= partition.stop_before) --count;
    const bool beyond = count < batch.size();
    builder_.bring(number, count);

    partition.lost = outcome.lost;
    partition.at_end = outcome.at_end || (outcome.appended == 0 && partition.at_end);
    if (beyond) {
      partition.next_offset = partition.stop_before;
    } else if (outcome.appended > 0 || outcome.at_end) {
      partition.next_offset = outcome.next_offset;
    }
  } while (count > 0 && !builder_.has_rest(number));  // all of it was passed over
}

// Never past a record that is not finished.
std::int64_t Assembler::commit_offset(std::size_t index) const {
  const auto number = static_cast<std::uint32_t>(index);
  return builder_.has_rest(number) ? builder_.next(number).offset : partitions_[index].next_offset;
}

std::vector<std::int64_t> Assembler::commit_offsets() const {
  std::vector<std::int64_t> offsets;
  for (std::size_t index = 0; index < partitions_.size(); ++index) offsets.push_back(commit_offset(index));
  return offsets;
}

}  // namespace millrace
