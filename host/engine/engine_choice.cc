#include "engine/engine_choice.h"

#include <stdexcept>
#include <string>

#include "millrace/errors.h"

#include "engine/cpu_engine.h"

namespace millrace {

std::unique_ptr<Engine> make_engine(std::string_view choice, const NetworkShape& shape,
                                    const TrainingSettings& settings, std::uint32_t max_window_rows,
                                    int threads) {
  if (choice == "auto" || choice == "cpu") return make_cpu_engine(shape, settings, max_window_rows, threads);
  if (choice == "cuda") throw DeviceError("this build has no CUDA engine");
  throw std::invalid_argument("no such engine: " + std::string(choice));
}

}  // namespace millrace
