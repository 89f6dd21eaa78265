#include "support/emulated_device/streams.h"

#include <algorithm>
#include <cstring>
#include <string_view>
#include <utility>

namespace millrace::emulated {
namespace {

constexpr double kHostCallUs = 1.0;
constexpr double kStartUs = 3.0;          // of any work
constexpr double kCopyBytesPerUs = 25e3;  // 25 GB/s
constexpr double kThreadUs = 1e-3;        // of a kernel
constexpr double kFlopsPerUs = 10e6;      // of a library

bool overlaps(const Work::Watch& watch, const std::byte* begin, std::size_t bytes) {
  return begin < watch.begin + watch.bytes && watch.begin < begin + bytes;
}

double threads_of(const Kernel& kernel) {
  const auto volume = [](const dim3& size) { return static_cast<double>(size.x) * size.y * size.z; };
  return volume(kernel.shape.grid) * volume(kernel.shape.block);
}

}  // namespace

std::uint64_t digest_of(const std::byte* begin, std::size_t bytes) {
  return std::hash<std::string_view>{}({reinterpret_cast<const char*>(begin), bytes});
}

Streams::Streams(std::uint64_t seed, std::function<bool(const Work&)> run)
    : random_(seed), run_(std::move(run)) {}

Stream& Streams::make_stream() {
  streams_.push_back(std::make_unique<Stream>());
  streams_.back()->index = streams_.size() - 1;
  return *streams_.back();
}

// Its work still runs.
void Streams::destroy(Stream& stream) { stream.destroyed = true; }

Stream* Streams::find(cudaStream_t handle) const {
  for (const auto& stream : streams_) {
    if (reinterpret_cast<cudaStream_t>(stream.get()) == handle && !stream->destroyed) return stream.get();
  }
  return nullptr;
}

std::size_t Streams::live_streams() const {
  return static_cast<std::size_t>(
      std::count_if(streams_.begin(), streams_.end(), [](const auto& stream) { return !stream->destroyed; }));
}

void Streams::enqueue(Stream& stream, Work work) {
  if (stream.capture != nullptr) {
    Graph& graph = *stream.capture->graph;
    graph.nodes.push_back({std::move(work), stream.tail});
    stream.tail.assign(1, graph.nodes.size() - 1);
    return;
  }
  stream.seen.join(host_seen_);
  stream.seen.set(stream.index, ++stream.enqueued);
  work.order = {.name = work.name, .stream = stream.index, .number = stream.enqueued, .seen = stream.seen};
  work.earliest_us = host_us_;
  for (Work::Watch& watch : work.watches) watch.digest = digest_of(watch.begin, watch.bytes);
  stream.queue.push_back(std::move(work));
}

void Streams::record(Stream& stream, Event& event) {
  if (stream.capture != nullptr) {
    event.capture = stream.capture;
    event.tail = stream.tail;
    event.last = nullptr;
    return;
  }
  event.capture = nullptr;
  event.last = std::make_shared<Completion>();
  enqueue(stream, {.kind = Work::Kind::record, .name = "cudaEventRecord", .completion = event.last});
  event.last->seen = stream.seen;
}

cudaError_t Streams::wait(Stream& stream, const Event& event) {
  if (event.capture != nullptr) {
    if (stream.capture == nullptr) {  // it forks off into the capture
      stream.capture = event.capture;
      stream.tail = event.tail;
      return cudaSuccess;
    }
    if (stream.capture != event.capture) return cudaErrorStreamCaptureMerge;
    for (const std::size_t node : event.tail) {
      if (std::find(stream.tail.begin(), stream.tail.end(), node) == stream.tail.end())
        stream.tail.push_back(node);
    }
    return cudaSuccess;
  }
  if (stream.capture != nullptr) {
    stream.capture->spoilt = true;
    return cudaErrorStreamCaptureIsolation;
  }
  if (event.last == nullptr) return cudaSuccess;
  stream.seen.join(event.last->seen);
  enqueue(stream, {.kind = Work::Kind::wait, .name = "cudaStreamWaitEvent", .completion = event.last});
  return cudaSuccess;
}

cudaError_t Streams::begin_capture(Stream& stream) {
  if (stream.capture != nullptr) return cudaErrorIllegalState;
  stream.capture = std::make_shared<Capture>();
  stream.capture_origin = true;
  stream.tail.clear();
  return cudaSuccess;
}

cudaError_t Streams::end_capture(Stream& stream, std::shared_ptr<Graph>& graph) {
  if (stream.capture == nullptr || !stream.capture_origin) return cudaErrorIllegalState;
  const std::shared_ptr<Capture> capture = stream.capture;
  const std::vector<Graph::Node>& nodes = capture->graph->nodes;
  Reach& reach = *capture->graph->reach;
  reach.assign(nodes.size(), std::vector<bool>(nodes.size(), false));
  for (std::size_t node = 0; node < nodes.size(); ++node) {
    for (const std::size_t before : nodes[node].after) {
      reach[node][before] = true;
      for (std::size_t i = 0; i < before; ++i) reach[node][i] = reach[node][i] || reach[before][i];
    }
  }
  bool joined = true;
  for (const auto& other : streams_) {
    if (other->capture != capture) continue;
    for (const std::size_t node : other->tail) {
      joined = joined && std::any_of(stream.tail.begin(), stream.tail.end(),
                                     [&](std::size_t last) { return last == node || reach[last][node]; });
    }
    if (other.get() != &stream) {
      other->capture = nullptr;
      other->tail.clear();
    }
  }
  stream.capture = nullptr;
  stream.capture_origin = false;
  stream.tail.clear();
  if (capture->spoilt) return cudaErrorStreamCaptureInvalidated;
  if (!joined) return cudaErrorStreamCaptureUnjoined;
  graph = capture->graph;
  return cudaSuccess;
}

bool Streams::capturing() const {
  return std::any_of(streams_.begin(), streams_.end(),
                     [](const auto& stream) { return stream->capture != nullptr; });
}

void Streams::spoil_captures() {
  for (const auto& stream : streams_) {
    if (stream->capture != nullptr) stream->capture->spoilt = true;
  }
}

std::vector<Stream*> Streams::ready() const {
  std::vector<Stream*> result;
  for (const auto& stream : streams_) {
    if (stream->queue.empty()) continue;
    const Work& head = stream->queue.front();
    if (head.kind != Work::Kind::wait || head.completion->done) result.push_back(stream.get());
  }
  return result;
}

double Streams::cost_us(const Work& work) const {
  switch (work.kind) {
    case Work::Kind::kernel:
      return kStartUs + threads_of(work.kernel) * kThreadUs;
    case Work::Kind::copy:
    case Work::Kind::fill:
      return kStartUs + static_cast<double>(work.bytes) / kCopyBytesPerUs;
    case Work::Kind::library:
      return std::max(0.0, kStartUs + work.library->flops / kFlopsPerUs + work.library->extra_us);
    case Work::Kind::graph: {
      double sum = kStartUs;
      for (const Graph::Node& node : work.graph->nodes) sum += cost_us(node.work) - kStartUs / 2;
      return sum;
    }
    default:
      return 0;
  }
}

void Streams::finish(Stream& stream, const Work& work) {
  double begin = std::max(stream.time_us, work.earliest_us);
  if (work.kind == Work::Kind::wait) begin = std::max(begin, work.completion->time_us);
  const double cost = cost_us(work);
  double& engine_us = engine_us_[static_cast<std::size_t>(work.engine)];
  if (cost > 0) begin = std::max(begin, engine_us);
  stream.time_us = begin + cost;
  if (cost > 0) engine_us = stream.time_us;
  if (work.kind == Work::Kind::record) {
    work.completion->done = true;
    work.completion->time_us = stream.time_us;
  }
}

// One node of the graph that stands first; the graph leaves the queue with its last.
bool Streams::run_node(Stream& stream) {
  Work& work = stream.queue.front();
  const std::vector<Graph::Node>& nodes = work.graph->nodes;
  if (!stream.replay) {
    finish(stream, work);  // it takes its time whole: nothing waits for a part of it
    stream.replay.emplace();
    for (std::size_t i = 0; i < nodes.size(); ++i) {
      stream.replay->waiting.push_back(nodes[i].after.size());
      if (nodes[i].after.empty()) stream.replay->free.push_back(i);
    }
  }
  Replay& replay = *stream.replay;
  bool good = true;
  if (!replay.free.empty()) {
    const auto next = replay.free.begin() + static_cast<std::ptrdiff_t>(random_() % replay.free.size());
    const std::size_t index = *next;
    replay.free.erase(next);
    Work node = nodes[index].work;
    node.order = work.order;
    node.order.name = node.name;
    node.order.reach = work.graph->reach;
    node.order.node = index;
    // As pinned memory was when the graph was launched, where no earlier node has changed it since.
    std::erase_if(node.watches, [&](Work::Watch& watch) {
      const auto launched = std::find_if(work.watches.begin(), work.watches.end(), [&](const auto& other) {
        return other.begin == watch.begin && other.bytes == watch.bytes;
      });
      if (launched == work.watches.end()) return true;
      watch = *launched;
      return false;
    });
    good = run_(node);
    for (std::size_t i = index + 1; i < nodes.size(); ++i) {
      const auto& after = nodes[i].after;
      if (std::find(after.begin(), after.end(), index) != after.end() && --replay.waiting[i] == 0) {
        replay.free.push_back(i);
      }
    }
  }
  if (replay.free.empty()) {
    stream.queue.pop_front();
    stream.replay.reset();
  }
  return good;
}

bool Streams::run_one() {
  const std::vector<Stream*> candidates = ready();
  if (candidates.empty()) return false;
  Stream& stream = *candidates[random_() % candidates.size()];
  if (stream.queue.front().kind == Work::Kind::graph) {
    if (!run_node(stream)) abandon();
    return true;
  }
  const Work work = std::move(stream.queue.front());
  stream.queue.pop_front();
  bool good = true;
  if (work.kind != Work::Kind::record && work.kind != Work::Kind::wait) good = run_(work);
  finish(stream, work);
  if (!good) abandon();
  return true;
}

void Streams::run_some() {
  while (random_() % 3 == 0 && run_one()) {
  }
}

void Streams::drain(Stream& stream) {
  while (!stream.queue.empty() && run_one()) {
  }
  host_seen_.join(stream.seen);
  host_us_ = std::max(host_us_, stream.time_us);
}

void Streams::drain(const std::shared_ptr<Completion>& completion) {
  while (!completion->done && run_one()) {
  }
  host_seen_.join(completion->seen);
  host_us_ = std::max(host_us_, completion->time_us);
}

void Streams::drain_all() {
  for (const auto& stream : streams_) drain(*stream);
}

void Streams::abandon() {
  for (const auto& stream : streams_) {
    for (const Work& work : stream->queue) {
      if (work.completion != nullptr) work.completion->done = true;
    }
    stream->queue.clear();
    stream->replay.reset();
  }
}

void Streams::pass_host_time() { host_us_ += kHostCallUs; }

void Streams::forget_watches(const std::byte* begin, std::size_t bytes) {
  for (const auto& stream : streams_) {
    for (Work& work : stream->queue) {
      std::erase_if(work.watches, [&](const Work::Watch& watch) { return overlaps(watch, begin, bytes); });
    }
  }
}

}  // namespace millrace::emulated
