// Files that are whole and on the disk, or not there at all.
//
// All functions may be called by any thread; one writer per file at a time.
#pragma once

#include <cstddef>
#include <filesystem>
#include <functional>
#include <span>
#include <string>
#include <string_view>
#include <sys/types.h>
#include <utility>
#include <vector>

#include "millrace/errors.h"

namespace millrace {

// Owns an open file. Move-only.
class FileDescriptor {
 public:
  explicit FileDescriptor(int descriptor) noexcept : descriptor_(descriptor) {}
  FileDescriptor(FileDescriptor&& other) noexcept : descriptor_(std::exchange(other.descriptor_, -1)) {}
  FileDescriptor& operator=(FileDescriptor&& other) noexcept {
    std::swap(descriptor_, other.descriptor_);
    return *this;
  }
  FileDescriptor(const FileDescriptor&) = delete;
  FileDescriptor& operator=(const FileDescriptor&) = delete;
  ~FileDescriptor();

  [[nodiscard]] int get() const noexcept { return descriptor_; }
  [[nodiscard]] bool valid() const noexcept { return descriptor_ >= 0; }

 private:
  int descriptor_;
};

// The StateError that says what `error_number` means for a file: ENOSPC, EDQUOT and EFBIG are no_space;
// EACCES, EPERM and EROFS not_writable; ENOENT missing; all others io.
[[nodiscard]] StateError state_error(const std::filesystem::path& path, std::string_view operation,
                                     int error_number);

// Writes all of it, whatever the number of short writes and interruptions. Throws StateError.
void write_all(const FileDescriptor& file, std::span<const std::byte> bytes,
               const std::filesystem::path& path);

// Makes `file` hold `bytes`: a temporary in the same folder (mode 0600 until it has
// `mode`), fsync, rename, fsync of the folder. After an error the temporary is gone and what stood under the
// name is untouched. Throws StateError.
void write_durably(const std::filesystem::path& file, std::span<const std::byte> bytes, mode_t mode = 0600);

// What was written to the open file is on the disk. Throws StateError.
void sync_data(const FileDescriptor& file, const std::filesystem::path& path);

// Whether write_durably gives its temporaries such a name, so that those of a killed process can be removed.
[[nodiscard]] bool is_temporary_name(std::string_view file_name);

// Makes creations, renames and removals in the folder durable. Throws StateError.
void sync_folder(const std::filesystem::path& folder);

// The whole of a regular file. Reads the first bytes (`look_bytes` or fewer) and hands them with the file's
// size to `look`, which throws if the rest is not worth reading; only then allocates. Throws StateError:
// missing; damaged, where the disk cannot read it or the file shrinks meanwhile; io.
using Look = std::function<void(std::span<const std::byte> first, std::uint64_t file_bytes)>;
[[nodiscard]] std::vector<std::byte> read_whole(const std::filesystem::path& file, std::size_t look_bytes,
                                                const Look& look);

}  // namespace millrace
