// A folder for one run, under the system's temporary folder. Removed with all that is in it.
#pragma once

#include <filesystem>
#include <string>

namespace millrace {

class ScratchFolder {
 public:
  explicit ScratchFolder(const std::string& name);  // errors: StateError
  ScratchFolder(const ScratchFolder&) = delete;
  ScratchFolder& operator=(const ScratchFolder&) = delete;
  ~ScratchFolder();

  [[nodiscard]] const std::filesystem::path& path() const { return path_; }

 private:
  std::filesystem::path path_;
};

}  // namespace millrace
