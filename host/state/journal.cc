#include "state/journal.h"

#include <cerrno>
#include <fcntl.h>
#include <fstream>
#include <stdexcept>

#include "millrace/errors.h"

namespace millrace {

Journal::Journal(const std::filesystem::path& file, const JournalHeader& header,
                 std::span<const PartitionStart> partitions)
    : file_(file), last_sync_(Clock::now()) {
  std::string bytes = encode_journal_header(header, file.string());
  checksum_ = journal_header_checksum(bytes);
  for (const PartitionStart& partition : partitions) {
    checksum_ = encode_journal_entry(partition, checksum_, bytes);
  }
  write_durably(file, std::as_bytes(std::span(bytes)));
  descriptor_ = FileDescriptor(::open(file.c_str(), O_WRONLY | O_APPEND | O_CLOEXEC | O_NOFOLLOW));
  if (!descriptor_.valid()) throw state_error(file, "opening", errno);
}

template <typename Entry>
void Journal::append_entry(const Entry& entry) {
  if (failed_) throw std::logic_error("appending to a journal that failed");
  buffer_.clear();
  checksum_ = encode_journal_entry(entry, checksum_, buffer_);
  failed_ = true;  // unless all goes well
  write_all(descriptor_, std::as_bytes(std::span(buffer_)), file_);
  failed_ = false;
  synced_ = false;
  if (Clock::now() - last_sync_ >= kSyncEvery) sync();
}

template void Journal::append_entry(const PartitionStart&);
template void Journal::append_entry(const JournalWindow&);
template void Journal::append_entry(const JournalRollBack&);

void Journal::sync() {
  if (synced_) return;
  // After a failed fsync the kernel may have dropped what it could not write: a second try would prove
  // nothing.
  failed_ = true;
  sync_data(descriptor_, file_);
  failed_ = false;
  synced_ = true;
  last_sync_ = Clock::now();
}

bool is_journal(const std::filesystem::path& file) {
  std::ifstream stream(file, std::ios::binary);
  std::string first(8, '\0');
  stream.read(first.data(), static_cast<std::streamsize>(first.size()));
  return stream && has_journal_magic(std::as_bytes(std::span(first)));
}

JournalSegment read_journal(const std::filesystem::path& file) {
  const auto look = [](std::span<const std::byte>, std::uint64_t) {};
  return decode_journal(read_whole(file, 0, look), file.string());
}

}  // namespace millrace
