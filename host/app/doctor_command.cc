#include "app/doctor_command.h"

#include <fmt/format.h>
#include <fmt/ranges.h>
#include <iterator>
#include <librdkafka/rdkafka.h>
#include <nlohmann/json.hpp>
#include <sstream>
#include <string_view>
#include <thread>

#include "millrace/engine_choice.h"

#include "engine/cpu_engine.h"
#include "kafka/client_properties.h"

namespace millrace {

namespace {

using Json = nlohmann::ordered_json;

constexpr int kSchemaVersion = 1;
constexpr int kFirstDevice = 0;  // what --device says by default
constexpr double kGiB = 1 << 30;

MachineReport look_around() {
  MachineReport machine{.version = MILLRACE_VERSION,
                        .cuda = cuda_report(),
                        .cpu_engine = make_cpu_engine({{1, 1}}, {}, 1, 1)->description(),
                        .cpu_threads = std::thread::hardware_concurrency(),
                        .librdkafka = rd_kafka_version_str(),
                        .librdkafka_features = {}};
  std::istringstream features(builtin_features());
  for (std::string feature; std::getline(features, feature, ',');) {
    machine.librdkafka_features.push_back(std::move(feature));
  }
  return machine;
}

std::string capability_text(const CudaDevice& device) {
  return fmt::format("{}.{}", device.compute_capability / 10, device.compute_capability % 10);
}

Json text_or_null(const std::string& text) { return text.empty() ? Json(nullptr) : Json(text); }

class Page {
 public:
  void section(std::string_view title) { fmt::format_to(std::back_inserter(text_), "\n{}\n", title); }
  void line(std::string_view name, std::string_view value) {
    fmt::format_to(std::back_inserter(text_), "  {:<12}{}\n", name, value);
  }
  void sentence(std::string_view text) { text_.append(text); }
  std::string take() { return std::move(text_); }

 private:
  std::string text_;
};

std::string device_text(const CudaDevice& device) {
  std::string text = fmt::format("{}, {:.1f} GiB, compute capability {}", device.name,
                                 static_cast<double>(device.memory_bytes) / kGiB, capability_text(device));
  if (!device.unusable.empty()) text += fmt::format(" (cannot be used: {})", device.unusable);
  return text;
}

void add_gpu(Page& page, const CudaReport& cuda) {
  page.section("GPU");
  if (!cuda.built) {
    page.line("engine", "not in this build (the preset cuda builds it)");
    return;
  }
  page.line("engine", fmt::format("built with CUDA {}, for {}", cuda.toolkit, cuda.architectures));
  page.line("driver", cuda.driver.empty() ? "none" : fmt::format("for CUDA up to {}", cuda.driver));
  for (const CudaDevice& device : cuda.devices) {
    page.line(fmt::format("device {}", device.number), device_text(device));
  }
  for (const CudaLibrary& library : cuda.libraries) {
    page.line(library.name, library.version.empty() ? fmt::format("not opened: {}", library.place)
                                                    : fmt::format("{}, {}", library.version, library.place));
  }
}

}  // namespace

std::string json_of(const MachineReport& machine) {
  const CudaReport& cuda = machine.cuda;
  Json devices = Json::array();
  for (const CudaDevice& device : cuda.devices) {
    devices.push_back({{"number", device.number},
                       {"name", device.name},
                       {"compute_capability", capability_text(device)},
                       {"memory_bytes", device.memory_bytes},
                       {"unusable", text_or_null(device.unusable)}});
  }
  Json libraries = Json::array();
  for (const CudaLibrary& library : cuda.libraries) {
    libraries.push_back(
        {{"name", library.name}, {"version", text_or_null(library.version)}, {"place", library.place}});
  }
  const AutoChoice choice = choose_engine(cuda, kFirstDevice);
  const Json report = {
      {"schema_version", kSchemaVersion},
      {"millrace", machine.version},
      {"cuda",
       {{"built", cuda.built},
        {"toolkit", text_or_null(cuda.toolkit)},
        {"architectures", text_or_null(cuda.architectures)},
        {"driver", text_or_null(cuda.driver)},
        {"devices", std::move(devices)},
        {"libraries", std::move(libraries)},
        {"unusable", text_or_null(cuda.unusable)}}},
      {"cpu", {{"engine", machine.cpu_engine}, {"threads", machine.cpu_threads}}},
      {"librdkafka", {{"version", machine.librdkafka}, {"features", machine.librdkafka_features}}},
      {"auto", {{"engine", choice.cuda ? "cuda" : "cpu"}, {"reason", choice.reason}}}};
  // A device's name or a path may be in any encoding.
  return report.dump(1, ' ', false, Json::error_handler_t::replace);
}

std::string text_of(const MachineReport& machine) {
  Page page;
  page.sentence(fmt::format("millrace {}\n", machine.version));
  add_gpu(page, machine.cuda);
  page.section("CPU");
  page.line("engine", machine.cpu_engine);
  page.line("threads", fmt::format("{} in this machine", machine.cpu_threads));
  page.section("Kafka");
  page.line("librdkafka", machine.librdkafka);
  page.line("built with", fmt::format("{}", fmt::join(machine.librdkafka_features, ", ")));

  const AutoChoice choice = choose_engine(machine.cuda, kFirstDevice);
  page.sentence(choice.cuda ? fmt::format("\n--engine auto trains on {}.", choice.reason)
                            : fmt::format("\n--engine auto trains on the CPU: {}.", choice.reason));
  return page.take();
}

ExitCode run_doctor(const OptionValues& options) {
  const MachineReport machine = look_around();
  fmt::print("{}\n", options.flag("json") ? json_of(machine) : text_of(machine));
  return ExitCode::done;
}

}  // namespace millrace
