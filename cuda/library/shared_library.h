// A shared library of NVIDIA's, opened while running, and where it is looked for.
//
// Invariants: (1) an owner always holds a library until it is moved from; (2) destroying it invalidates every
// address that came from it: who hands them out keeps the owner to the end of the process. Any thread may
// look symbols up. That a library is absent is no error: open_library then says what was tried.
#pragma once

#include <filesystem>
#include <map>
#include <optional>
#include <span>
#include <string>
#include <vector>

namespace millrace::cuda {

class SharedLibrary {
 public:
  // `handle` is dlopen's, `file` where it came from.
  SharedLibrary(void* handle, std::string file);
  SharedLibrary(SharedLibrary&& other) noexcept;
  SharedLibrary& operator=(SharedLibrary&& other) noexcept;
  ~SharedLibrary();

  [[nodiscard]] const std::string& file() const { return file_; }

  // Makes `function` the symbol of that name. False, and unchanged: there is none.
  template <class Function>
  bool find(const char* name, Function*& function) const {
    void* const address = symbol(name);
    if (address == nullptr) return false;
    function = reinterpret_cast<Function*>(address);
    return true;
  }

 private:
  [[nodiscard]] void* symbol(const char* name) const;

  void* handle_;  // null: moved from
  std::string file_;
};

// What decides where to look, besides the loader's own path.
struct LibraryPlaces {
  std::vector<std::filesystem::path> folders;  // in this order
};

// The toolkit of CUDA_HOME, CUDA_PATH and /usr/local/cuda; then NVIDIA's wheels (nvidia/*/lib) in the
// packages of VIRTUAL_ENV, of the python3 in PATH, of the user and of the system. Folders that exist only,
// each once. Runs no Python. `environment` holds the variables of that name.
[[nodiscard]] LibraryPlaces library_places(const std::map<std::string, std::string>& environment);
// With the environment of this process.
[[nodiscard]] LibraryPlaces library_places();

struct OpenedLibrary {
  std::optional<SharedLibrary> library;
  std::string tried;  // without a library: everything that was looked at, and why it failed
};

// Opens the first of `names` ("libcublasLt.so.13") that can be: as the loader finds it, then in `places`.
[[nodiscard]] OpenedLibrary open_library(std::span<const std::string> names, const LibraryPlaces& places);

}  // namespace millrace::cuda
