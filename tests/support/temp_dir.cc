#include "support/temp_dir.h"

#include <cerrno>
#include <cstdlib>
#include <system_error>

namespace millrace::support {

TempDir::TempDir(const std::string& name) {
  std::string pattern = (std::filesystem::temp_directory_path() / (name + ".XXXXXX")).string();
  if (mkdtemp(pattern.data()) == nullptr) {
    throw std::system_error(errno, std::generic_category(), "mkdtemp " + pattern);
  }
  path_ = pattern;
}

TempDir::~TempDir() {
  if (kept_) return;
  std::error_code ignored;
  // A test may have taken the right to write away.
  const auto open_up = [&ignored](const std::filesystem::path& folder) {
    std::filesystem::permissions(folder, std::filesystem::perms::owner_all,
                                 std::filesystem::perm_options::add, ignored);
  };
  open_up(path_);
  std::filesystem::recursive_directory_iterator entry(path_, ignored);
  for (; entry != std::filesystem::recursive_directory_iterator(); entry.increment(ignored)) {
    if (entry->is_directory(ignored)) open_up(entry->path());
  }
  std::filesystem::remove_all(path_, ignored);
}

}  // namespace millrace::support
