// A folder for one test, under the system's temporary folder. Removed with all that is in it when the owner
// goes, unless `keep` was called.
#pragma once

#include <filesystem>
#include <string>

namespace millrace::support {

class TempDir {
 public:
  // Throws std::system_error when the folder cannot be made.
  explicit TempDir(const std::string& name = "millrace-test");
  TempDir(const TempDir&) = delete;
  TempDir& operator=(const TempDir&) = delete;
  ~TempDir();

  [[nodiscard]] const std::filesystem::path& path() const { return path_; }
  [[nodiscard]] std::filesystem::path operator/(const std::string& name) const { return path_ / name; }

  // Leaves the folder where it is, for a person to look at.
  void keep() { kept_ = true; }

 private:
  std::filesystem::path path_;
  bool kept_ = false;
};

}  // namespace millrace::support
