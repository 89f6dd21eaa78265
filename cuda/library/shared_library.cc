#include "cuda/library/shared_library.h"

#include <algorithm>
#include <array>
#include <cstdlib>
#include <dlfcn.h>
#include <link.h>
#include <memory>
#include <spdlog/spdlog.h>
#include <string_view>
#include <system_error>
#include <utility>

namespace millrace::cuda {
namespace {

namespace fs = std::filesystem;

constexpr std::array kVariables = {"CUDA_HOME", "CUDA_PATH", "VIRTUAL_ENV", "PATH", "HOME"};

// Null: it cannot be opened, and dlerror knows why.
void* open_file(const char* file) { return dlopen(file, RTLD_NOW | RTLD_LOCAL); }

std::string last_error() {
  const char* const text = dlerror();
  return text != nullptr ? text : "no reason given";
}

// The file that the loader chose for a plain name.
std::string file_of(void* handle, const std::string& name) {
  link_map* map = nullptr;
  if (dlinfo(handle, RTLD_DI_LINKMAP, &map) != 0 || map == nullptr || map->l_name == nullptr ||
      *map->l_name == '\0') {
    return name;
  }
  return map->l_name;
}

// The folders in `parent`, sorted, so that the order does not hang on the file system's.
std::vector<fs::path> folders_in(const fs::path& parent) {
  std::vector<fs::path> folders;
  std::error_code ignored;
  for (fs::directory_iterator entry(parent, ignored), end; !ignored && entry != end;
       entry.increment(ignored)) {
    if (entry->is_directory(ignored)) folders.push_back(entry->path());
  }
  std::ranges::sort(folders);
  return folders;
}

class PlaceList {
 public:
  void add(const fs::path& folder) {
    std::error_code ignored;
    if (!fs::is_directory(folder, ignored)) return;
    const fs::path real = fs::canonical(folder, ignored);
    if (ignored || std::ranges::find(seen_, real) != seen_.end()) return;
    seen_.push_back(real);
    places_.folders.push_back(folder);
  }

  void add_toolkit(const fs::path& toolkit) {
    add(toolkit / "lib64");
    add(toolkit / "lib");
  }

  // The wheels below a Python's prefix: lib/python3*/{site,dist}-packages/nvidia/*/lib.
  void add_python(const fs::path& prefix) {
    for (const fs::path& version : folders_in(prefix / "lib")) {
      if (!version.filename().string().starts_with("python3")) continue;
      for (const char* packages : {"site-packages", "dist-packages"}) {
        for (const fs::path& wheel : folders_in(version / packages / "nvidia")) add(wheel / "lib");
      }
    }
  }

  LibraryPlaces take() { return std::move(places_); }

 private:
  std::vector<fs::path> seen_;
  LibraryPlaces places_;
};

// The first python3 in PATH, or nothing.
fs::path python_in(std::string_view path) {
  while (!path.empty()) {
    const std::string_view folder = path.substr(0, path.find(':'));
    path.remove_prefix(std::min(path.size(), folder.size() + 1));
    std::error_code ignored;
    fs::path python = fs::path(folder) / "python3";
    if (!folder.empty() && fs::exists(python, ignored)) return python;
  }
  return {};
}

}  // namespace

SharedLibrary::SharedLibrary(void* handle, std::string file) : handle_(handle), file_(std::move(file)) {}

SharedLibrary::SharedLibrary(SharedLibrary&& other) noexcept
    : handle_(std::exchange(other.handle_, nullptr)), file_(std::move(other.file_)) {}

SharedLibrary& SharedLibrary::operator=(SharedLibrary&& other) noexcept {
  std::swap(handle_, other.handle_);
  std::swap(file_, other.file_);
  return *this;
}

SharedLibrary::~SharedLibrary() {
  if (handle_ == nullptr || dlclose(handle_) == 0) return;
  try {
    spdlog::error("closing {}: {}", file_, last_error());
  } catch (...) {  // NOLINT(bugprone-empty-catch): a destructor has nobody to tell
  }
}

void* SharedLibrary::symbol(const char* name) const { return dlsym(handle_, name); }

LibraryPlaces library_places(const std::map<std::string, std::string>& environment) {
  const auto value = [&](const char* name) {
    const auto found = environment.find(name);
    return found == environment.end() ? std::string() : found->second;
  };
  PlaceList places;
  for (const char* name : {"CUDA_HOME", "CUDA_PATH"}) {
    if (const std::string toolkit = value(name); !toolkit.empty()) places.add_toolkit(toolkit);
  }
  places.add_toolkit("/usr/local/cuda");
  if (const std::string venv = value("VIRTUAL_ENV"); !venv.empty()) places.add_python(venv);
  // A virtual environment's python3 is a link: its own folder comes first, then the one that it links to.
  if (const fs::path python = python_in(value("PATH")); !python.empty()) {
    places.add_python(python.parent_path().parent_path());
    std::error_code ignored;
    const fs::path real = fs::canonical(python, ignored);
    if (!ignored) places.add_python(real.parent_path().parent_path());
  }
  if (const std::string home = value("HOME"); !home.empty()) places.add_python(fs::path(home) / ".local");
  places.add_python("/usr/local");
  places.add_python("/usr");
  return places.take();
}

LibraryPlaces library_places() {
  std::map<std::string, std::string> environment;
  for (const char* name : kVariables) {
    if (const char* value = std::getenv(name); value != nullptr) environment[name] = value;
  }
  return library_places(environment);
}

OpenedLibrary open_library(std::span<const std::string> names, const LibraryPlaces& places) {
  OpenedLibrary result;
  const auto refused = [&](std::string_view reason) {
    if (!result.tried.empty()) result.tried.append("; ");
    result.tried.append(reason);
  };
  for (const std::string& name : names) {
    if (void* handle = open_file(name.c_str()); handle != nullptr) {
      result.library.emplace(handle, file_of(handle, name));
      result.tried.clear();
      return result;
    }
    refused(last_error());
  }
  if (places.folders.empty()) refused("no CUDA toolkit and none of NVIDIA's Python wheels was found");
  for (const fs::path& folder : places.folders) {
    for (const std::string& name : names) {
      const std::string file = (folder / name).string();
      std::error_code ignored;
      if (!fs::exists(file, ignored)) {
        refused("no " + file);
      } else if (void* handle = open_file(file.c_str()); handle != nullptr) {
        result.library.emplace(handle, file);
        result.tried.clear();
        return result;
      } else {
        refused(last_error());
      }
    }
  }
  return result;
}

}  // namespace millrace::cuda
