// Streams, events, captured graphs, and the schedule: which piece of waiting work runs next.
//
// Work enters with what it must come after: all before it in its stream, and what its stream waited for. It
// runs when the seed says so, or when the host waits. A graph runs node by node, among the work of other
// streams. Clocks are virtual, in microseconds: one engine copies
// each way, one computes, and a call costs the host time too.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <cuda_runtime_api.h>
#include <deque>
#include <functional>
#include <memory>
#include <optional>
#include <random>
#include <string>
#include <vector>

#include "support/emulated_device/kernel_run.h"
#include "support/emulated_device/work_order.h"

namespace millrace::emulated {

// One record of an event: what it stands for does not change when the event is recorded again.
struct Completion {
  bool done = false;
  double time_us = 0;
  Seen seen;
};

struct Graph;

// Memory that library work touches: `rows` of `row_bytes` each, `pitch` bytes apart. It may be empty.
struct Range {
  const char* name;  // for messages: "A", "bias"
  const void* begin;
  std::size_t row_bytes;
  std::size_t rows = 1;
  std::size_t pitch = 0;
};

// What one call of a library enqueues: computed on the host when its turn comes, and again by every replay.
// `compute` touches what the ranges say, and makes no runtime call.
struct LibraryWork {
  std::vector<Range> reads;
  std::vector<Range> writes;
  std::function<void()> compute;
  // For the clock.
  double flops = 0;
  double extra_us = 0;  // longer than that takes; negative: shorter
};

// Each does one thing at a time.
enum class Engine { copying_in, copying_out, computing };

struct Work {
  enum class Kind { kernel, copy, fill, record, wait, make_live, release, graph, library };

  Kind kind;
  std::string name;
  Kernel kernel{};                  // kernel
  std::byte* to = nullptr;          // copy, fill, make_live, release
  const std::byte* from = nullptr;  // copy
  std::size_t bytes = 0;            // copy, fill
  int value = 0;                    // fill
  Engine engine = Engine::computing;
  std::shared_ptr<Completion> completion{};      // record, wait
  std::shared_ptr<const Graph> graph{};          // graph
  std::shared_ptr<const LibraryWork> library{};  // library
  WorkOrder order{};
  double earliest_us = 0;  // the host's clock when it was enqueued
  // Digests of the pinned memory that its copies use, as it was when they were enqueued.
  struct Watch {
    const std::byte* begin;
    std::size_t bytes;
    std::uint64_t digest;
  };
  std::vector<Watch> watches{};
};

struct Graph {
  struct Node {
    Work work;
    std::vector<std::size_t> after;
  };
  std::vector<Node> nodes;
  std::shared_ptr<Reach> reach = std::make_shared<Reach>();
};

struct Capture {
  std::shared_ptr<Graph> graph = std::make_shared<Graph>();
  bool spoilt = false;
};

// A graph at the head of its stream's queue, of which some nodes have run.
struct Replay {
  std::vector<std::size_t> waiting;  // by node: how many nodes it still comes after
  std::vector<std::size_t> free;     // nodes that may run
};

struct Stream {
  std::size_t index = 0;
  std::uint64_t enqueued = 0;
  Seen seen;
  double time_us = 0;  // when its last finished work ended
  bool destroyed = false;
  std::deque<Work> queue;
  std::optional<Replay> replay;      // of the graph that stands first
  std::shared_ptr<Capture> capture;  // while it is being captured
  bool capture_origin = false;
  std::vector<std::size_t> tail;  // nodes that the next captured work comes after
};

struct Event {
  std::shared_ptr<Completion> last;  // nullptr: never recorded
  bool timing = true;
  std::shared_ptr<Capture> capture;  // recorded inside one last
  std::vector<std::size_t> tail;
};

class Streams {
 public:
  // `run` executes kernels, copies, fills, library work, make_live and release; false where it failed and the
  // device is lost.
  Streams(std::uint64_t seed, std::function<bool(const Work&)> run);

  Stream& make_stream();
  void destroy(Stream& stream);
  [[nodiscard]] Stream* find(cudaStream_t handle) const;

  // Takes the work into the stream's queue, or into the graph that is being captured.
  void enqueue(Stream& stream, Work work);
  void record(Stream& stream, Event& event);
  cudaError_t wait(Stream& stream, const Event& event);

  cudaError_t begin_capture(Stream& stream);
  cudaError_t end_capture(Stream& stream, std::shared_ptr<Graph>& graph);
  [[nodiscard]] bool capturing() const;
  void spoil_captures();

  // Some of what may run, as the seed says.
  void run_some();
  // Until it is empty, or done. The host knows of it then.
  void drain(Stream& stream);
  void drain(const std::shared_ptr<Completion>& completion);
  void drain_all();
  // Throws away all work: the device is lost.
  void abandon();

  void pass_host_time();
  // A piece of work wrote to this pinned memory: what waits to use it is not the host's doing.
  void forget_watches(const std::byte* begin, std::size_t bytes);
  [[nodiscard]] std::size_t live_streams() const;

 private:
  [[nodiscard]] std::vector<Stream*> ready() const;
  bool run_one();
  bool run_node(Stream& stream);
  void finish(Stream& stream, const Work& work);
  [[nodiscard]] double cost_us(const Work& work) const;

  std::mt19937_64 random_;
  std::function<bool(const Work&)> run_;
  std::vector<std::unique_ptr<Stream>> streams_;  // destroyed ones stay, so that indices do
  Seen host_seen_;
  double host_us_ = 0;
  std::array<double, 3> engine_us_{};  // when each is free, by Engine
};

std::uint64_t digest_of(const std::byte* begin, std::size_t bytes);

}  // namespace millrace::emulated
