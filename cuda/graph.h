// Work recorded once from a stream and replayed as one launch.
//
// Invariants: (1) a captured function only enqueues: it allocates nothing, waits for nothing, and creates no
// plan (what is loaded lazily has run once before); (2) other streams that it forks to with events are joined
// again before it returns; (3) the addresses that it uses stay valid as long as the graph is launched.
// Errors: DeviceError; a capture that fails leaves the stream usable.
#pragma once

#include <cuda_runtime_api.h>
#include <utility>

#include "cuda/check.h"

namespace millrace::cuda {

class Graph {
 public:
  // Takes over `graph`.
  explicit Graph(cudaGraph_t graph) : graph_(graph) {}
  Graph(Graph&& other) noexcept : graph_(std::exchange(other.graph_, nullptr)) {}
  Graph& operator=(Graph&& other) noexcept;
  ~Graph();

  [[nodiscard]] cudaGraph_t view() const { return graph_; }

 private:
  cudaGraph_t graph_;
};

// A graph made ready to launch; independent of the Graph that it came from.
class GraphExec {
 public:
  explicit GraphExec(const Graph& graph);
  GraphExec(GraphExec&& other) noexcept : exec_(std::exchange(other.exec_, nullptr)) {}
  GraphExec& operator=(GraphExec&& other) noexcept;
  ~GraphExec();

  [[nodiscard]] cudaGraphExec_t view() const { return exec_; }
  void launch_async(cudaStream_t stream) const;

 private:
  cudaGraphExec_t exec_ = nullptr;
};

// Runs `enqueue()` and returns what it enqueued on `stream`, without running it.
template <class Enqueue>
Graph capture(cudaStream_t stream, Enqueue&& enqueue) {
  MILLRACE_CUDA_CHECK(cudaStreamBeginCapture(stream, cudaStreamCaptureModeThreadLocal));
  cudaGraph_t graph = nullptr;
  try {
    std::forward<Enqueue>(enqueue)();
  } catch (...) {
    // The capture is spoilt; ending it gives the stream back. Its own error is the lesser one.
    if (cudaStreamEndCapture(stream, &graph) == cudaSuccess) Graph{graph};
    throw;
  }
  MILLRACE_CUDA_CHECK(cudaStreamEndCapture(stream, &graph));
  return Graph(graph);
}

}  // namespace millrace::cuda
