#include "cuda/library/open_cublaslt.h"

#include <array>
#include <fmt/format.h>
#include <memory>
#include <string>
#include <utility>

namespace millrace::cuda {
namespace {

constexpr std::size_t kMajor = 13;

// "13.1.0", from 130100.
std::string version_text(std::size_t version) {
  return fmt::format("{}.{}.{}", version / 10'000, version / 100 % 100, version % 100);
}

// The name of the first symbol that the library lacks; null: it has them all.
const char* fill(CublasLt& table, const SharedLibrary& library) {
  const char* absent = nullptr;
  const auto find = [&](const char* name, auto*& function) {
    if (absent == nullptr && !library.find(name, function)) absent = name;
  };
  find("cublasLtCreate", table.create);
  find("cublasLtDestroy", table.destroy);
  find("cublasLtGetVersion", table.get_version);
  find("cublasLtGetStatusName", table.get_status_name);
  find("cublasLtMatmulDescCreate", table.matmul_desc_create);
  find("cublasLtMatmulDescDestroy", table.matmul_desc_destroy);
  find("cublasLtMatmulDescSetAttribute", table.matmul_desc_set_attribute);
  find("cublasLtMatrixLayoutCreate", table.matrix_layout_create);
  find("cublasLtMatrixLayoutDestroy", table.matrix_layout_destroy);
  find("cublasLtMatmulPreferenceCreate", table.preference_create);
  find("cublasLtMatmulPreferenceDestroy", table.preference_destroy);
  find("cublasLtMatmulPreferenceSetAttribute", table.preference_set_attribute);
  find("cublasLtMatmulAlgoGetHeuristic", table.algo_get_heuristic);
  find("cublasLtMatmulAlgoCheck", table.algo_check);
  find("cublasLtMatmul", table.matmul);
  return absent;
}

CublasLtOpening unusable(std::string why) { return {nullptr, {"cuBLASLt", "", std::move(why)}}; }

}  // namespace

CublasLtOpening open_cublaslt_from(const LibraryPlaces& places) {
  const std::array names = {fmt::format("libcublasLt.so.{}", kMajor)};
  OpenedLibrary opened = open_library(names, places);
  if (!opened.library) return unusable(std::move(opened.tried));
  auto library = std::make_unique<SharedLibrary>(*std::move(opened.library));
  auto table = std::make_unique<CublasLt>();
  if (const char* absent = fill(*table, *library); absent != nullptr) {
    return unusable(fmt::format("{} has no {}", library->file(), absent));
  }
  const std::size_t version = table->get_version();
  if (version / 10'000 != kMajor) {
    return unusable(
        fmt::format("{} is version {}, and {} is needed", library->file(), version_text(version), kMajor));
  }
  CudaLibrary description = {"cuBLASLt", version_text(version), library->file()};
  // Never freed: who holds the table may call it while static objects are destroyed.
  static_cast<void>(library.release());
  return {table.release(), std::move(description)};
}

const CublasLtOpening& open_cublaslt() {
  static const CublasLtOpening opening = open_cublaslt_from(library_places());
  return opening;
}

}  // namespace millrace::cuda
