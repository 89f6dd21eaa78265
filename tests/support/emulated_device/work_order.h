// Which piece of work happens before which, as events, streams, graphs and the waiting host order it. Kept
// for every piece of work that ran, so that memory can ask whether two accesses were ordered or only happened
// to be.
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <vector>

namespace millrace::emulated {

// By stream index: how many of its works are known to be done.
class Seen {
 public:
  void join(const Seen& other) {
    if (done_.size() < other.done_.size()) done_.resize(other.done_.size());
    for (std::size_t i = 0; i < other.done_.size(); ++i) done_[i] = std::max(done_[i], other.done_[i]);
  }
  void set(std::size_t stream, std::uint64_t count) {
    if (done_.size() <= stream) done_.resize(stream + 1);
    done_[stream] = count;
  }
  [[nodiscard]] std::uint64_t operator[](std::size_t stream) const {
    return stream < done_.size() ? done_[stream] : 0;
  }

 private:
  std::vector<std::uint64_t> done_;
};

// reach[b][a]: node b of a graph starts after node a ended.
using Reach = std::vector<std::vector<bool>>;

struct WorkOrder {
  std::string name;
  std::size_t stream = 0;
  std::uint64_t number = 0;  // within its stream, from 1
  Seen seen;
  std::shared_ptr<const Reach> reach;  // nodes of a graph only
  std::size_t node = 0;

  [[nodiscard]] bool after(const WorkOrder& earlier) const {
    if (stream == earlier.stream && number == earlier.number) {
      return reach != nullptr ? node == earlier.node || (*reach)[node][earlier.node] : true;
    }
    return seen[earlier.stream] >= earlier.number;
  }
};

}  // namespace millrace::emulated
