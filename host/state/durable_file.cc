#include "state/durable_file.h"

#include <algorithm>
#include <cerrno>
#include <fcntl.h>
#include <fmt/format.h>
#include <sys/stat.h>
#include <system_error>
#include <unistd.h>

namespace millrace {
namespace {

constexpr std::string_view kTemporarySuffix = ".tmp";

// A temporary that vanishes unless it was renamed.
class Temporary {
 public:
  explicit Temporary(const std::filesystem::path& target)
      : name_(
            (target.parent_path() / fmt::format(".{}.XXXXXX{}", target.filename().native(), kTemporarySuffix))
                .native()),
        file_(::mkostemps(name_.data(), static_cast<int>(kTemporarySuffix.size()), O_CLOEXEC)) {
    if (!file_.valid()) throw state_error(target, "creating a temporary", errno);
  }
  Temporary(const Temporary&) = delete;
  Temporary& operator=(const Temporary&) = delete;
  ~Temporary() {
    if (!renamed_) ::unlink(name_.c_str());
  }

  [[nodiscard]] const FileDescriptor& file() const { return file_; }

  void rename_to(const std::filesystem::path& target) {
    if (::rename(name_.c_str(), target.c_str()) != 0) throw state_error(target, "renaming", errno);
    renamed_ = true;
  }

 private:
  std::string name_;
  FileDescriptor file_;
  bool renamed_ = false;
};

// Some filesystems cannot sync a folder and say EINVAL: then there is nothing to wait for.
void sync(const FileDescriptor& file, const std::filesystem::path& path) {
  while (::fsync(file.get()) != 0) {
    if (errno == EINVAL) return;
    if (errno != EINTR) throw state_error(path, "syncing", errno);
  }
}

FileDescriptor open_to_read(const std::filesystem::path& path, int flags) {
  FileDescriptor file(::open(path.c_str(), O_RDONLY | O_CLOEXEC | flags));
  if (!file.valid()) {
    // That it may not be read says nothing about writing.
    if (errno == EACCES || errno == EPERM) {
      throw StateError(StateError::Kind::io, path.string(),
                       "opening: " + std::generic_category().message(errno));
    }
    throw state_error(path, "opening", errno);
  }
  return file;
}

// Fills `into`, or as much of it as the file holds; returns how much.
std::size_t read_some(const FileDescriptor& file, std::span<std::byte> into,
                      const std::filesystem::path& path) {
  std::size_t done = 0;
  while (done < into.size()) {
    const ssize_t count = ::read(file.get(), into.data() + done, into.size() - done);
    if (count == 0) break;
    if (count > 0) {
      done += static_cast<std::size_t>(count);
    } else if (errno == EIO) {
      throw StateError(StateError::Kind::damaged, path.string(), "the disk cannot read it");
    } else if (errno != EINTR) {
      throw state_error(path, "reading", errno);
    }
  }
  return done;
}

}  // namespace

FileDescriptor::~FileDescriptor() {
  if (valid()) ::close(descriptor_);
}

StateError state_error(const std::filesystem::path& path, std::string_view operation, int error_number) {
  auto kind = StateError::Kind::io;
  switch (error_number) {
    case ENOSPC:
    case EDQUOT:
    case EFBIG:
      kind = StateError::Kind::no_space;
      break;
    case EACCES:
    case EPERM:
    case EROFS:
      kind = StateError::Kind::not_writable;
      break;
    case ENOENT:
      kind = StateError::Kind::missing;
      break;
    default:
      break;
  }
  return {kind, path.string(), std::string(operation) + ": " + std::generic_category().message(error_number)};
}

void write_all(const FileDescriptor& file, std::span<const std::byte> bytes,
               const std::filesystem::path& path) {
  while (!bytes.empty()) {
    const ssize_t count = ::write(file.get(), bytes.data(), bytes.size());
    if (count >= 0) {
      bytes = bytes.subspan(static_cast<std::size_t>(count));
    } else if (errno != EINTR) {
      throw state_error(path, "writing", errno);
    }
  }
}

void write_durably(const std::filesystem::path& file, std::span<const std::byte> bytes, mode_t mode) {
  Temporary temporary(file);
  write_all(temporary.file(), bytes, file);
  if (mode != 0600 && ::fchmod(temporary.file().get(), mode) != 0) {
    throw state_error(file, "setting permissions", errno);
  }
  sync(temporary.file(), file);
  temporary.rename_to(file);
  sync_folder(file.parent_path());
}

void sync_data(const FileDescriptor& file, const std::filesystem::path& path) {
  while (::fdatasync(file.get()) != 0) {
    if (errno != EINTR) throw state_error(path, "syncing", errno);
  }
}

bool is_temporary_name(std::string_view file_name) {
  return file_name.starts_with('.') && file_name.ends_with(kTemporarySuffix);
}

void sync_folder(const std::filesystem::path& folder) {
  const std::filesystem::path path = folder.empty() ? "." : folder;
  sync(open_to_read(path, O_DIRECTORY), path);
}

std::vector<std::byte> read_whole(const std::filesystem::path& file, std::size_t look_bytes,
                                  const Look& look) {
  // Without O_NONBLOCK, opening a pipe would wait for its writer.
  const FileDescriptor descriptor = open_to_read(file, O_NONBLOCK);
  struct stat status {};
  if (::fstat(descriptor.get(), &status) != 0) throw state_error(file, "looking at the file", errno);
  if (!S_ISREG(status.st_mode)) {
    throw StateError(StateError::Kind::damaged, file.string(), "it is not a regular file");
  }
  const auto file_bytes = static_cast<std::uint64_t>(status.st_size);

  std::vector<std::byte> bytes(static_cast<std::size_t>(std::min<std::uint64_t>(look_bytes, file_bytes)));
  const std::size_t seen = read_some(descriptor, bytes, file);
  look(std::span(bytes).first(seen), file_bytes);

  bytes.resize(static_cast<std::size_t>(file_bytes));
  if (seen + read_some(descriptor, std::span(bytes).subspan(seen), file) != bytes.size()) {
    throw StateError(StateError::Kind::damaged, file.string(), "it was cut off while it was read");
  }
  return bytes;
}

}  // namespace millrace
