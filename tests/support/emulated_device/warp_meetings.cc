// The part of KernelRun in which the lanes of a warp meet.

#include <algorithm>
#include <array>
#include <cstring>
#include <iterator>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "support/emulated_device/kernel_run.h"

namespace millrace::emulated {

using cuda::twin::LaneValue;
using cuda::twin::LaneValues;

namespace {

constexpr unsigned kWarp = 32;

}  // namespace

unsigned KernelRun::warp_begin() const { return current_->index - current_->place.linear_thread % kWarp; }

unsigned KernelRun::lanes_present() const {
  const unsigned first = current_->place.linear_thread / kWarp * kWarp;
  const unsigned count = std::min(kWarp, threads_per_block_ - first);
  return count == kWarp ? ~0U : (1U << count) - 1U;
}

void KernelRun::require_lane(unsigned mask, unsigned lane, const char* operation) {
  if (((mask & lanes_present()) >> lane & 1U) == 0) {
    fail(Failure::Kind::absent_lane,
         std::string(operation) + " reads lane " + std::to_string(lane) + ", which takes no part");
  }
}

const LaneValues& KernelRun::warp_exchange(unsigned mask, const LaneValue& mine, const char* operation) {
  const unsigned lane = current_->place.linear_thread % kWarp;
  if ((mask >> lane & 1U) == 0) {
    fail(Failure::Kind::divergent_barrier,
         std::string(operation) + " is called by a lane that its mask leaves out");
  }
  const unsigned wanted = mask & lanes_present();
  const unsigned warps_per_block = (threads_per_block_ + kWarp - 1) / kWarp;
  std::vector<Meeting>& meetings =
      cluster()
          .meetings[current_->place.cluster_rank * warps_per_block + current_->place.linear_thread / kWarp];
  auto meeting = std::find_if(meetings.begin(), meetings.end(),
                              [&](const Meeting& candidate) { return candidate.mask == wanted; });
  if (meeting == meetings.end()) {
    meetings.push_back({.mask = wanted, .operation = operation, .values = std::make_shared<LaneValues>()});
    meeting = std::prev(meetings.end());
  }
  if (std::strcmp(meeting->operation, operation) != 0) {
    fail(Failure::Kind::divergent_barrier,
         std::string("calls ") + operation + ", while other lanes of its mask are in " + meeting->operation);
  }
  meeting->arrived |= 1U << lane;
  (*meeting->values)[lane] = mine;
  if (meeting->arrived != wanted) {
    suspend(State::at_warp, operation);
    return *current_->met;
  }
  current_->met = std::move(meeting->values);
  meetings.erase(meeting);
  if (std::strcmp(operation, "warp_barrier") == 0) join_warp_clocks(wanted);
  release_lanes(wanted);
  return *current_->met;
}

void KernelRun::release_lanes(unsigned lanes) {
  const unsigned begin = warp_begin();
  for (unsigned lane = 0; lane < kWarp; ++lane) {
    if ((lanes >> lane & 1U) == 0 || begin + lane == current_->index) continue;
    cluster().threads[begin + lane].met = current_->met;
    ready_.push_back(&cluster().threads[begin + lane]);
  }
}

void KernelRun::join_warp_clocks(unsigned lanes) {
  const unsigned begin = warp_begin();
  std::array<std::uint32_t, kWarp> joined{};
  AcquiredPointer acquired;
  for (unsigned lane = 0; lane < kWarp; ++lane) {
    if ((lanes >> lane & 1U) == 0) continue;
    Thread& thread = cluster().threads[begin + lane];
    for (unsigned i = 0; i < kWarp; ++i) joined[i] = std::max(joined[i], thread.warp_seen[i]);
    joined[lane] = std::max(joined[lane], ++thread.clock);
    join(acquired, thread.acquired);
  }
  for (unsigned lane = 0; lane < kWarp; ++lane) {
    if ((lanes >> lane & 1U) == 0) continue;
    cluster().threads[begin + lane].warp_seen = joined;
    cluster().threads[begin + lane].acquired = acquired;
  }
}

void KernelRun::warp_barrier(unsigned mask) { static_cast<void>(warp_exchange(mask, {}, "warp_barrier")); }

}  // namespace millrace::emulated
