#include "cuda/graph.h"

namespace millrace::cuda {

Graph& Graph::operator=(Graph&& other) noexcept {
  std::swap(graph_, other.graph_);
  return *this;
}

Graph::~Graph() {
  if (graph_ != nullptr) log_failed_release(cudaGraphDestroy(graph_), "cudaGraphDestroy");
}

GraphExec::GraphExec(const Graph& graph) {
  MILLRACE_CUDA_CHECK(cudaGraphInstantiate(&exec_, graph.view(), 0));
}

GraphExec& GraphExec::operator=(GraphExec&& other) noexcept {
  std::swap(exec_, other.exec_);
  return *this;
}

GraphExec::~GraphExec() {
  if (exec_ != nullptr) log_failed_release(cudaGraphExecDestroy(exec_), "cudaGraphExecDestroy");
}

void GraphExec::launch_async(cudaStream_t stream) const {
  MILLRACE_CUDA_CHECK(cudaGraphLaunch(exec_, stream));
}

}  // namespace millrace::cuda
