#include "state/state_folder.h"

#include <algorithm>
#include <array>
#include <cerrno>
#include <charconv>
#include <chrono>
#include <ctime>
#include <fcntl.h>
#include <fmt/format.h>
#include <iterator>
#include <string_view>
#include <sys/file.h>
#include <sys/stat.h>
#include <system_error>
#include <unistd.h>

#include "millrace/errors.h"

namespace millrace {
namespace {

namespace fs = std::filesystem;

constexpr std::string_view kCheckpointPrefix = "checkpoint-";
constexpr std::string_view kJournalPrefix = "journal-";
constexpr std::string_view kSuffix = ".millrace";
constexpr std::size_t kSequenceDigits = 10;

std::string file_name(std::string_view prefix, std::uint64_t sequence) {
  return fmt::format("{}{:0{}}{}", prefix, sequence, kSequenceDigits, kSuffix);
}

// The number in a name, if it is exactly what file_name makes.
std::optional<std::uint64_t> sequence_of(std::string_view name, std::string_view prefix) {
  if (!name.starts_with(prefix) || !name.ends_with(kSuffix)) return std::nullopt;
  name.remove_prefix(prefix.size());
  name.remove_suffix(std::min(name.size(), kSuffix.size()));
  std::uint64_t sequence = 0;
  const auto [stop, error] = std::from_chars(name.data(), name.data() + name.size(), sequence);
  if (error != std::errc() || stop != name.data() + name.size()) return std::nullopt;
  if (name.size() < kSequenceDigits || (name.size() > kSequenceDigits && name.front() == '0'))
    return std::nullopt;
  return sequence;
}

void make_folder(const fs::path& folder) {
  const fs::path parent = folder.parent_path();
  std::error_code error;
  if (!parent.empty()) fs::create_directories(parent, error);
  if (error) throw state_error(folder, "creating the folder", error.value());
  if (::mkdir(folder.c_str(), S_IRWXU) == 0) {
    sync_folder(parent);
  } else if (errno != EEXIST) {
    throw state_error(folder, "creating the folder", errno);
  } else if (!fs::is_directory(folder, error)) {
    throw state_error(folder, "opening", ENOTDIR);
  }
}

// One line that names this process, for whoever finds the folder locked.
std::string this_process() {
  std::array<char, 256> host{};
  if (::gethostname(host.data(), host.size() - 1) != 0) host[0] = '\0';
  const std::time_t now = std::time(nullptr);
  std::tm fields{};
  gmtime_r(&now, &fields);
  std::array<char, 32> time{};
  std::strftime(time.data(), time.size(), "%Y-%m-%d %H:%M:%S UTC", &fields);
  return fmt::format("process {} on {}, since {}\n", ::getpid(), host.data(), time.data());
}

std::string holder_of(const FileDescriptor& lock) {
  std::array<char, 512> text{};
  const ssize_t count = ::pread(lock.get(), text.data(), text.size(), 0);
  const std::string_view line(text.data(), count > 0 ? static_cast<std::size_t>(count) : 0);
  const std::string_view first = line.substr(0, line.find('\n'));
  return first.empty() ? "another process" : std::string(first);  // empty: it was about to write it
}

// Locked until the descriptor is closed: `flock` belongs to the open file, so a second opening in the same
// process is refused too, and a kill releases it.
FileDescriptor lock_folder(const fs::path& folder) {
  if (::faccessat(AT_FDCWD, folder.c_str(), W_OK | X_OK, AT_EACCESS) != 0) {
    throw state_error(folder, "looking at the folder", errno);
  }
  const fs::path file = folder / "lock";
  FileDescriptor lock(::open(file.c_str(), O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, S_IRUSR | S_IWUSR));
  if (!lock.valid()) throw state_error(file, "opening", errno);
  while (::flock(lock.get(), LOCK_EX | LOCK_NB) != 0) {
    if (errno == EWOULDBLOCK) throw StateError(StateError::Kind::locked, folder.string(), holder_of(lock));
    if (errno != EINTR) throw state_error(file, "locking", errno);
  }
  if (::ftruncate(lock.get(), 0) != 0) throw state_error(file, "writing", errno);
  const std::string holder = this_process();
  write_all(lock, std::as_bytes(std::span(holder)), file);
  return lock;
}

void remove_temporaries(const fs::path& folder) {
  std::error_code error;
  for (fs::directory_iterator entry(folder, error), end; !error && entry != end; entry.increment(error)) {
    if (!is_temporary_name(entry->path().filename().native())) continue;
    if (::unlink(entry->path().c_str()) != 0 && errno != ENOENT)
      throw state_error(entry->path(), "removing", errno);
  }
  if (error) throw state_error(folder, "listing", error.value());
}

struct Damage {
  std::uint64_t sequence;
  std::string file_name;
  std::string detail;
};

struct Found {
  std::optional<Checkpoint> checkpoint;
  std::vector<Damage> damage;  // of newer ones, newest first
};

// Throws StateError missing for a file that vanished since it was listed.
Found find_newest(const fs::path& folder, const std::vector<ListedCheckpoint>& listed) {
  Found found;
  for (auto each = listed.rbegin(); each != listed.rend(); ++each) {
    try {
      found.checkpoint = read_checkpoint(each->file);
      return found;
    } catch (const StateError& error) {
      if (error.kind != StateError::Kind::damaged) throw;
      found.damage.push_back({each->sequence, each->file.filename().string(), error.detail});
    }
  }
  if (!found.damage.empty()) {
    std::string detail = "no checkpoint in it can be read";
    for (const Damage& each : found.damage) detail += fmt::format("; {}: {}", each.file_name, each.detail);
    throw StateError(StateError::Kind::damaged, folder.string(), detail);
  }
  return found;
}

std::vector<std::string> sentences_of(const Found& found) {
  std::vector<std::string> sentences;
  sentences.reserve(found.damage.size());
  for (const Damage& each : found.damage) {
    sentences.push_back(fmt::format("{} is damaged: {}. {} is used instead.", each.file_name, each.detail,
                                    checkpoint_file_name(found.checkpoint->sequence)));
  }
  return sentences;
}

// Ascending.
std::vector<std::uint64_t> list_journals(const fs::path& folder) {
  std::vector<std::uint64_t> sequences;
  std::error_code error;
  for (fs::directory_iterator entry(folder, error), end; !error && entry != end; entry.increment(error)) {
    const auto sequence = sequence_of(entry->path().filename().native(), kJournalPrefix);
    if (sequence) sequences.push_back(*sequence);
  }
  if (error) throw state_error(folder, "listing", error.value());
  std::ranges::sort(sequences);
  return sequences;
}

void remove_file(const fs::path& file) {
  if (::unlink(file.c_str()) != 0 && errno != ENOENT) throw state_error(file, "removing", errno);
}

std::int64_t now_ms() {
  const auto now = std::chrono::system_clock::now().time_since_epoch();
  return std::chrono::duration_cast<std::chrono::milliseconds>(now).count();
}

}  // namespace

std::string checkpoint_file_name(std::uint64_t sequence) { return file_name(kCheckpointPrefix, sequence); }

std::string journal_file_name(std::uint64_t sequence) { return file_name(kJournalPrefix, sequence); }

std::vector<ListedCheckpoint> list_checkpoints(const fs::path& folder) {
  std::vector<ListedCheckpoint> listed;
  std::error_code error;
  for (fs::directory_iterator entry(folder, error), end; !error && entry != end; entry.increment(error)) {
    const auto sequence = sequence_of(entry->path().filename().native(), kCheckpointPrefix);
    if (!sequence) continue;
    std::error_code gone;
    const auto bytes = entry->file_size(gone);
    listed.push_back({entry->path(), *sequence, gone ? 0 : std::uint64_t{bytes}});
  }
  if (error) throw state_error(folder, "listing", error.value());
  std::ranges::sort(listed, {}, &ListedCheckpoint::sequence);
  return listed;
}

std::optional<Checkpoint> read_newest_checkpoint(const fs::path& folder,
                                                 std::vector<std::string>* fallbacks) {
  // A listed file that is gone was removed because a newer one has come: look again. No trainer saves so fast
  // that this happens many times in a row; a name that leads nowhere (a dangling link) would do it for ever.
  constexpr int kMostTurns = 100;
  for (int turn = 1;; ++turn) {
    try {
      Found found = find_newest(folder, list_checkpoints(folder));
      if (fallbacks != nullptr) *fallbacks = sentences_of(found);
      return std::move(found.checkpoint);
    } catch (const StateError& error) {
      if (error.kind != StateError::Kind::missing || error.path == folder.string() || turn == kMostTurns)
        throw;
    }
  }
}

StateFolder::StateFolder(fs::path folder, FileDescriptor lock, std::uint64_t next_sequence)
    : path_(std::move(folder)), lock_(std::move(lock)), next_sequence_(next_sequence) {}

StateFolder StateFolder::open(const fs::path& folder) {
  const fs::path path = folder.has_filename() ? folder : folder.parent_path();  // without a slash at its end
  make_folder(path);
  FileDescriptor lock = lock_folder(path);
  remove_temporaries(path);
  const auto listed = list_checkpoints(path);
  return {path, std::move(lock), listed.empty() ? 0 : listed.back().sequence + 1};
}

StateFolder::~StateFolder() {
  // An empty lock file names nobody. If it fails, the file names a process that is gone, and is not locked.
  if (lock_.valid()) [[maybe_unused]]
    const int ignored = ::ftruncate(lock_.get(), 0);
}

std::optional<Checkpoint> StateFolder::newest() {
  Found found = find_newest(path_, list_checkpoints(path_));
  fallbacks_ = sentences_of(found);
  for (const Damage& each : found.damage) damaged_.insert(each.sequence);
  if (const auto good = newest_good()) good_ = good->sequence;
  return std::move(found.checkpoint);
}

std::vector<JournalSegment> read_journals(const fs::path& folder, std::uint64_t sequence,
                                          std::vector<std::string>& notes) {
  std::vector<JournalSegment> segments;
  for (const std::uint64_t each : list_journals(folder)) {
    if (each < sequence) continue;
    const std::string name = journal_file_name(each);
    try {
      segments.push_back(read_journal(folder / name));
    } catch (const StateError& error) {
      if (error.kind != StateError::Kind::damaged) throw;
      notes.push_back(
          fmt::format("{} is damaged: {}. The windows it held are formed anew.", name, error.detail));
      return segments;
    }
    const std::string& trouble = segments.back().trouble;
    if (!trouble.empty()) {
      notes.push_back(fmt::format("{}: {}. Windows from there on are formed anew.", name, trouble));
    }
  }
  return segments;
}

std::vector<JournalSegment> StateFolder::journal_after(const Checkpoint& checkpoint) {
  journal_notes_.clear();
  return read_journals(path_, checkpoint.sequence, journal_notes_);
}

std::optional<Checkpoint> StateFolder::newest_good() const {
  const auto listed = list_checkpoints(path_);
  for (auto each = listed.rbegin(); each != listed.rend(); ++each) {
    try {
      Checkpoint checkpoint = read_checkpoint(each->file);
      if (checkpoint.model.skipped_in_a_row == 0) return checkpoint;
    } catch (const StateError& error) {
      if (error.kind != StateError::Kind::damaged) throw;
    }
  }
  return std::nullopt;
}

fs::path StateFolder::save(Checkpoint& checkpoint, std::span<const PartitionStart> partitions) {
  if (journal_) journal_->sync();
  checkpoint.sequence = next_sequence_;
  checkpoint.written_at_ms = now_ms();
  fs::path file = path_ / checkpoint_file_name(next_sequence_);
  write_checkpoint(file, checkpoint);
  if (checkpoint.model.skipped_in_a_row == 0) good_ = next_sequence_;
  ++next_sequence_;
  begin_journal(checkpoint, partitions);
  remove_old();
  return file;
}

void StateFolder::begin_journal(const Checkpoint& checkpoint, std::span<const PartitionStart> partitions) {
  const JournalHeader header{checkpoint.sequence, trained_digest(checkpoint), checkpoint.settings};
  journal_ = std::make_unique<Journal>(path_ / journal_file_name(checkpoint.sequence), header, partitions);
}

void StateFolder::remove_old() const {
  const auto listed = list_checkpoints(path_);
  std::size_t kept = 0;
  std::uint64_t oldest_kept = 0;
  for (auto each = listed.rbegin(); each != listed.rend(); ++each) {
    if (kept < keep_) {
      if (!damaged_.contains(each->sequence)) ++kept;
      oldest_kept = each->sequence;
    } else if (each->sequence != good_) {
      remove_file(each->file);
    }
  }
  for (const std::uint64_t sequence : list_journals(path_)) {
    if (sequence < oldest_kept) remove_file(path_ / journal_file_name(sequence));
  }
}

}  // namespace millrace
