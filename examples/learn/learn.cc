// Trains a network through the library, on a GPU if there is one: is a point inside the unit circle?
#include <cstdint>
#include <iostream>
#include <millrace/engine_choice.h>
#include <numeric>
#include <random>
#include <vector>

int main() {
  constexpr std::uint32_t kRows = 4096;
  constexpr std::uint32_t kFeatures = 2;
  const auto engine = millrace::make_engine({.choice = "auto",
                                             .shape = {{kFeatures, 32, 32, 1}},
                                             .training = {.epochs = 3, .batch = 32},
                                             .max_window_rows = kRows});
  std::cout << engine->description() << '\n';

  // One window of rows: values and labels in memory that the engine can copy from, and the order of the rows.
  const millrace::HostBuffer memory = engine->allocate_host(kRows * (kFeatures + 1) * sizeof(float));
  float* const values = reinterpret_cast<float*>(memory.get());
  float* const labels = values + kRows * kFeatures;
  std::vector<std::uint32_t> order(kRows);
  std::iota(order.begin(), order.end(), 0U);

  std::mt19937 random(1);
  std::uniform_real_distribution<float> coordinate(-1.5F, 1.5F);
  for (std::uint64_t window = 0; window < 10; ++window) {
    for (std::uint32_t row = 0; row < kRows; ++row) {
      const float x = values[row * kFeatures] = coordinate(random);
      const float y = values[row * kFeatures + 1] = coordinate(random);
      labels[row] = x * x + y * y < 1 ? 1.0F : 0.0F;
    }
    engine->stage({window, kRows, kRows, kFeatures, values, labels, order.data()});
    engine->score();  // by the weights from before: these rows are new to the network
    engine->train();
    const millrace::WindowOutcome outcome = engine->wait();
    std::cout << "window " << window << ": loss " << outcome.loss_sum / outcome.rows << ", accuracy "
              << static_cast<double>(outcome.correct) / outcome.rows << '\n';
  }
}
