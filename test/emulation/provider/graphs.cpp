#include "provider/graphs.h"

#include <cstdlib>
#include <utility>

#include "provider/memory.h"

namespace emulated_provider {
namespace {

constexpr int kNever = -1;
constexpr int kPlainRuns = 2;

}  // namespace

int graph_of(const RunOptions* run) {
  const char* id = run == nullptr ? nullptr : ort().GetRunConfigEntry(run, "gpu_graph_id");
  return id == nullptr ? 0 : std::atoi(id);
}

Graphs::~Graphs() {
  static_cast<void>(cudaSetDevice(device_));
  for (auto& [id, thread] : threads_) {
    for (auto& [number, graph] : thread.captured) {
      static_cast<void>(cudaGraphExecDestroy(graph.exec));
      forget_memory(graph.memory);
    }
    forget_stream(thread.stream);
    static_cast<void>(cudaStreamDestroy(thread.stream));
  }
}

Graphs::OfThread& Graphs::mine() {
  const std::lock_guard lock(mutex_);
  OfThread& thread = threads_[std::this_thread::get_id()];
  if (thread.stream == nullptr) {
    check(cudaSetDevice(device_), "cudaSetDevice");
    check(cudaStreamCreateWithFlags(&thread.stream, cudaStreamNonBlocking), "cudaStreamCreateWithFlags");
    remember_stream(thread.stream);
  }
  return thread;
}

cudaStream_t Graphs::stream() { return mine().stream; }

void Graphs::begin_run(int id) {
  OfThread& thread = mine();
  if (id == kNever || thread.captured.contains(id) || thread.plain_runs[id] < kPlainRuns) return;
  check(cudaStreamSynchronize(thread.stream), "cudaStreamSynchronize");
  check(cudaStreamBeginCapture(thread.stream, cudaStreamCaptureModeThreadLocal), "cudaStreamBeginCapture");
  thread.captures = true;
  thread.memory.clear();
  take_for_graph(&thread.memory);
}

void Graphs::end_run(int id, bool synchronizes) {
  OfThread& thread = mine();
  if (thread.captures) {
    thread.captures = false;
    take_for_graph(nullptr);
    capture(thread, id);
  } else if (id != kNever) {
    ++thread.plain_runs[id];
  }
  if (synchronizes) check(cudaStreamSynchronize(thread.stream), "cudaStreamSynchronize");
}

// What was captured has not run yet.
void Graphs::capture(OfThread& thread, int id) {
  cudaGraph_t graph = nullptr;
  Graph made;
  made.memory.swap(thread.memory);
  try {
    check(cudaStreamEndCapture(thread.stream, &graph), "cudaStreamEndCapture");
    const cudaError_t error = cudaGraphInstantiate(&made.exec, graph, 0);
    // Where this is the call that is to fail, nothing is wrong with the graph.
    if (cudaGraphDestroy(graph) != cudaSuccess) static_cast<void>(cudaGraphDestroy(graph));
    check(error, "cudaGraphInstantiate");
  } catch (const Failure&) {
    if (made.exec != nullptr) static_cast<void>(cudaGraphExecDestroy(made.exec));
    forget_memory(made.memory);
    throw;
  }
  const cudaGraphExec_t exec = made.exec;
  thread.captured[id] = std::move(made);
  check(cudaGraphLaunch(exec, thread.stream), "cudaGraphLaunch");
}

bool Graphs::has(int id) const {
  const std::lock_guard lock(mutex_);
  const auto thread = threads_.find(std::this_thread::get_id());
  return thread != threads_.end() && thread->second.captured.contains(id);
}

void Graphs::replay(int id) {
  OfThread& thread = mine();
  check(cudaGraphLaunch(thread.captured.at(id).exec, thread.stream), "cudaGraphLaunch");
}

}  // namespace emulated_provider
