#include "overlapped_scaling.h"

#include <algorithm>
#include <array>
#include <cstddef>

#include "cuda/buffer.h"
#include "cuda/stream.h"
#include "sample_kernels.h"

namespace millrace {
namespace {

constexpr std::size_t kWindows = 8;
constexpr std::size_t kRows = 70;

struct Slot {
  explicit Slot(cudaStream_t stream) : host(kRows), device(kRows, stream) {}

  cuda::PinnedBuffer<float> host;
  cuda::DeviceBuffer<float> device;
  cuda::Event filled;  // the copy into `device` has ended
  cuda::Event used;    // the computing on it has
};

}  // namespace

std::vector<float> overlapped_scaling(MissingWait missing) {
  const cuda::Stream copying;
  const cuda::Stream computing;
  const cuda::PinnedBuffer<float> sums(kWindows);
  const cuda::DeviceBuffer<float> scaled(kRows, computing.view());
  const cuda::DeviceBuffer<float> device_sums(kWindows, computing.view());
  const std::array<Slot, 2> slots = {Slot(copying.view()), Slot(copying.view())};

  for (std::size_t window = 0; window < kWindows; ++window) {
    const Slot& slot = slots[window % slots.size()];
    if (missing != MissingWait::host_for_slot) slot.filled.wait();
    std::fill(slot.host.view().begin(), slot.host.view().end(), static_cast<float>(window));

    if (missing != MissingWait::copy_for_compute) copying.wait_for_async(slot.used);
    cuda::copy_async(slot.device.view(), slot.host.view(), copying.view());
    copying.record_async(slot.filled);

    if (missing != MissingWait::compute_for_copy) computing.wait_for_async(slot.filled);
    samples::scale_async(slot.device.view(), 2, 1, scaled.view(), computing.view());
    samples::sum_rows_async(scaled.view(), kRows, device_sums.view().subspan(window, 1), computing.view());
    computing.record_async(slot.used);
  }
  cuda::copy_async(sums.view(), device_sums.view(), computing.view());
  computing.synchronize();
  copying.synchronize();
  return {sums.view().begin(), sums.view().end()};
}

std::vector<float> expected_scaling() {
  std::vector<float> sums;
  for (std::size_t window = 0; window < kWindows; ++window) {
    sums.push_back(static_cast<float>(kRows) * (2 * static_cast<float>(window) + 1));
  }
  return sums;
}

}  // namespace millrace
