#include "app/scratch_folder.h"

#include <cerrno>
#include <stdlib.h>
#include <system_error>

#include "millrace/errors.h"

namespace millrace {

ScratchFolder::ScratchFolder(const std::string& name) {
  std::string pattern = (std::filesystem::temp_directory_path() / (name + "-XXXXXX")).string();
  if (mkdtemp(pattern.data()) == nullptr) {
    throw StateError(StateError::Kind::not_writable, pattern, std::generic_category().message(errno));
  }
  path_ = pattern;
}

ScratchFolder::~ScratchFolder() {
  std::error_code ignored;  // what stays behind is the system's temporary folder's to clean
  std::filesystem::remove_all(path_, ignored);
}

}  // namespace millrace
