// gpu_step_bench: what a training step costs on this machine's GPU, as JSON on standard output.
#include <array>
#include <cuda_runtime_api.h>
#include <exception>
#include <fmt/format.h>
#include <iostream>
#include <nlohmann/json.hpp>
#include <sstream>
#include <string>
#include <string_view>
#include <vector>

#include "millrace/cuda_engine.h"
#include "millrace/errors.h"

#include "bench/gpu/step_measure.h"
#include "cuda/library/open_cublaslt.h"

namespace millrace::bench {
namespace {

using Json = nlohmann::ordered_json;

constexpr const char* kUsage =
    "Usage: gpu_step_bench [--describe] [--batches 32,256,...] [--windows N]\n\n"
    "Measures training steps of the network 9-128-256-128-1 on GPU 0 (CUDA_VISIBLE_DEVICES chooses which "
    "that "
    "is).\n\n"
    "  --describe   only say what device, driver and libraries there are\n"
    "  --batches    rows per step (32,256,1024,8192,65536)\n"
    "  --windows    windows measured for each row of the result (9)\n";

struct NamedMath {
  const char* name;
  MathMode math;
};
constexpr std::array<NamedMath, 3> kMaths = {
    {{"fp32", MathMode::fp32}, {"tf32", MathMode::tf32}, {"bf16", MathMode::bf16}}};

struct Way {
  bool graphs;
  bool tune;
};
constexpr std::array<Way, 3> kWays = {{{true, false}, {true, true}, {false, false}}};

struct Wanted {
  bool describe = false;
  std::vector<std::uint32_t> batches = {32, 256, 1024, 8192, 65'536};
  std::uint32_t windows = Measuring{}.windows;
};

std::uint32_t positive(const std::string& text) {
  std::size_t used = 0;
  const unsigned long value = std::stoul(text, &used);
  if (used != text.size() || value < 1 || value > (1UL << 24U)) throw std::invalid_argument(text);
  return static_cast<std::uint32_t>(value);
}

Wanted wanted_from(const std::vector<std::string>& arguments) {
  Wanted wanted;
  for (std::size_t i = 0; i < arguments.size(); ++i) {
    const std::string& name = arguments[i];
    const auto value = [&] {
      return i + 1 < arguments.size() ? arguments[++i] : throw std::invalid_argument(name);
    };
    if (name == "--describe") {
      wanted.describe = true;
    } else if (name == "--batches") {
      wanted.batches.clear();
      std::istringstream list(value());
      for (std::string part; std::getline(list, part, ',');) wanted.batches.push_back(positive(part));
    } else if (name == "--windows") {
      wanted.windows = positive(value());
    } else {
      throw std::invalid_argument(name);
    }
  }
  return wanted;
}

Json description(const CudaReport& report) {
  Json devices = Json::array();
  for (const CudaDevice& device : report.devices) {
    devices.push_back({{"number", device.number},
                       {"name", device.name},
                       {"compute_capability",
                        fmt::format("{}.{}", device.compute_capability / 10, device.compute_capability % 10)},
                       {"memory_bytes", device.memory_bytes},
                       {"unusable", device.unusable}});
  }
  Json libraries = Json::array();
  for (const CudaLibrary& library : report.libraries) {
    libraries.push_back({{"name", library.name}, {"version", library.version}, {"place", library.place}});
  }
  return {
      {"toolkit", report.toolkit}, {"driver_cuda", report.driver}, {"architectures", report.architectures},
      {"devices", devices},        {"libraries", libraries},       {"unusable", report.unusable}};
}

// A case that cannot be measured has a reason in the place of numbers.
Json measured(const StepCase& one, const char* math, const Measuring& measuring,
              const cuda::CublasLt& cublas) {
  Json row = {{"batch", one.batch}, {"math", math}, {"graphs", one.graphs}, {"tuned", one.tune}};
  try {
    const StepCost cost = measure_step(one, measuring, cublas);
    const double rows_per_s = one.batch / cost.median_us * 1e6;
    row["step_us"] = cost.median_us;
    row["best_step_us"] = cost.best_us;
    row["rows_per_s"] = rows_per_s;
    row["flop_per_s"] = rows_per_s * flop_per_row(measuring.shape);
    row["steps_per_window"] = cost.steps;
    row["kernels_per_step"] = cost.work.kernels;
    row["copies_per_step"] = cost.work.copies;
    row["fills_per_step"] = cost.work.fills;
    row["hidden_copy_share"] = cost.hidden_copies ? Json(*cost.hidden_copies) : Json(nullptr);
  } catch (const DeviceError& error) {
    row["failed"] = error.detail;
  } catch (const std::runtime_error& error) {
    row["failed"] = error.what();
  }
  return row;
}

// What the exit code is, and the rows.
int measure_all(const Wanted& wanted, const cuda::CublasLt& cublas, Json& rows) {
  Measuring measuring;
  measuring.windows = wanted.windows;
  int code = 0;
  for (const auto& [name, math] : kMaths) {
    for (const std::uint32_t batch : wanted.batches) {
      for (const auto& [graphs, tune] : kWays) {
        const Json row = measured({batch, math, graphs, tune}, name, measuring, cublas);
        if (row.contains("failed")) code = 1;
        std::cerr << row.dump() << '\n';
        rows.push_back(row);
      }
    }
  }
  return code;
}

int main_of(const std::vector<std::string>& arguments) {
  Wanted wanted;
  try {
    wanted = wanted_from(arguments);
  } catch (const std::logic_error&) {
    std::cerr << kUsage;
    return static_cast<int>(ExitCode::usage);
  }
  const CudaReport report = cuda_report();
  Json result = description(report);
  int code = 0;
  if (!report.unusable.empty()) {
    std::cerr << "No GPU can be used: " << report.unusable << '\n';
    code = static_cast<int>(ExitCode::device);
  } else if (!wanted.describe) {
    result["rows"] = Json::array();
    code = measure_all(wanted, *cuda::open_cublaslt().table, result["rows"]);
  }
  std::cout << result.dump(1) << '\n';
  return code;
}

}  // namespace
}  // namespace millrace::bench

int main(int count, char** arguments) {
  try {
    return millrace::bench::main_of({arguments + 1, arguments + count});
  } catch (const std::exception& error) {
    std::cerr << "gpu_step_bench: " << error.what() << '\n';
    return 1;
  }
}
