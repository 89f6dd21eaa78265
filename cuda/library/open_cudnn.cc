#include "cuda/library/open_cudnn.h"

#include <array>
#include <dlfcn.h>
#include <fmt/format.h>
#include <memory>
#include <mutex>
#include <string>
#include <utility>

// Where the frontend looks its functions up. Its name and type are the frontend's.
namespace cudnn_frontend {
extern void* cudnn_dlhandle;
void* cudnn_dlhandle = nullptr;
}  // namespace cudnn_frontend

namespace millrace::cuda {
namespace {

constexpr std::size_t kMajor = 9;

// "9.27.0", from 92700.
std::string version_text(std::size_t version) {
  return fmt::format("{}.{}.{}", version / 10'000, version / 100 % 100, version % 100);
}

// The name of the first symbol that the library lacks; null: it has them all.
const char* fill(Cudnn& table, const SharedLibrary& library) {
  const char* absent = nullptr;
  const auto find = [&](const char* name, auto*& function) {
    if (absent == nullptr && !library.find(name, function)) absent = name;
  };
  find("cudnnGetVersion", table.get_version);
  find("cudnnGetErrorString", table.get_error_string);
  find("cudnnGetLastErrorString", table.get_last_error_string);
  find("cudnnCreate", table.create);
  find("cudnnDestroy", table.destroy);
  find("cudnnSetStream", table.set_stream);
  return absent;
}

// The loader counts: the same library again is the same handle, which is never given back.
void lend_to_frontend(const SharedLibrary& library) {
  static std::mutex mutex;
  const std::lock_guard lock(mutex);
  if (cudnn_frontend::cudnn_dlhandle != nullptr) return;
  cudnn_frontend::cudnn_dlhandle = dlopen(library.file().c_str(), RTLD_NOW | RTLD_LOCAL | RTLD_NOLOAD);
}

CudnnOpening unusable(std::string why) { return {nullptr, {"cuDNN", "", std::move(why)}}; }

}  // namespace

CudnnOpening open_cudnn_from(const LibraryPlaces& places, const CublasLtOpening& cublaslt) {
  if (cublaslt.table == nullptr) {
    return unusable(fmt::format("it needs cuBLASLt: {}", cublaslt.library.place));
  }
  const std::array names = {fmt::format("libcudnn.so.{}", kMajor)};
  OpenedLibrary opened = open_library(names, places);
  if (!opened.library) return unusable(std::move(opened.tried));
  auto library = std::make_unique<SharedLibrary>(*std::move(opened.library));
  auto table = std::make_unique<Cudnn>();
  if (const char* absent = fill(*table, *library); absent != nullptr) {
    return unusable(fmt::format("{} has no {}", library->file(), absent));
  }
  const std::size_t version = table->get_version();
  if (version / 10'000 != kMajor) {
    return unusable(
        fmt::format("{} is version {}, and {} is needed", library->file(), version_text(version), kMajor));
  }
  lend_to_frontend(*library);
  CudaLibrary description = {"cuDNN", version_text(version), library->file()};
  // Never freed: who holds the table may call it while static objects are destroyed.
  static_cast<void>(library.release());
  return {table.release(), std::move(description)};
}

const CudnnOpening& open_cudnn() {
  static const CudnnOpening opening = open_cudnn_from(library_places(), open_cublaslt());
  return opening;
}

}  // namespace millrace::cuda
