#include "runtime/graphs.h"

#include <algorithm>
#include <utility>

#include "runtime/faults.h"
#include "runtime/streams.h"

namespace emulation {
namespace {

void free_all(const std::vector<const void*>& memory) {
  for (const void* one : memory) static_cast<void>(cudaFree(const_cast<void*>(one)));
}

// One of the graphs, or of what is made of them, with its memory.
template <typename All, typename Handle>
cudaError_t destroy(All& all, Handle handle) {
  typename All::mapped_type destroyed;
  {
    const Quiet quiet;
    const auto found = all.find(handle);
    if (found == all.end()) return cudaErrorInvalidValue;
    destroyed = std::move(found->second);
    all.erase(found);
  }
  free_all(destroyed->memory);
  return cudaSuccess;
}

}  // namespace

bool spoils_capture(const Device& device) {
  const Quiet quiet;
  bool spoils = false;
  for (const auto& stream : state().all_streams) {
    if (stream->device != &device || stream->capture == nullptr) continue;
    const bool is_mine = stream->capture->thread == std::this_thread::get_id();
    if (stream->capture->mode == cudaStreamCaptureModeThreadLocal && !is_mine) continue;
    stream->capture->valid = false;
    spoils = true;
  }
  return spoils;
}

void drop(std::unique_ptr<Capture> capture) {
  if (capture != nullptr) free_all(capture->memory);
}

bool belongs_to(const Capture& capture, const void* pointer) {
  return std::find(capture.memory.begin(), capture.memory.end(), pointer) != capture.memory.end();
}

}  // namespace emulation

using emulation::Quiet;
using emulation::state;

extern "C" {

cudaError_t cudaStreamBeginCapture(cudaStream_t handle, cudaStreamCaptureMode mode) {
  return emulation::stream_call("cudaStreamBeginCapture", handle, [&](CUstream_st& stream) {
    const Quiet quiet;
    if (stream.capture != nullptr) return cudaErrorIllegalState;
    stream.capture = std::make_unique<emulation::Capture>();
    stream.capture->mode = mode;
    stream.capture->thread = std::this_thread::get_id();
    return cudaSuccess;
  });
}

// Ends the capture whatever comes of it.
cudaError_t cudaStreamEndCapture(cudaStream_t handle, cudaGraph_t* graph) {
  return emulation::stream_call("cudaStreamEndCapture", handle, [&](CUstream_st& stream) {
    if (graph == nullptr) return cudaErrorInvalidValue;
    *graph = nullptr;
    std::unique_ptr<emulation::Capture> capture;
    {
      const Quiet quiet;
      capture = std::move(stream.capture);
    }
    if (capture == nullptr) return cudaErrorIllegalState;
    if (!capture->valid) {
      emulation::free_all(capture->memory);
      return cudaErrorStreamCaptureInvalidated;
    }
    auto made = std::make_unique<CUgraph_st>();
    made->device = stream.device;
    made->work = std::move(capture->work);
    made->memory = std::move(capture->memory);
    *graph = made.get();
    const Quiet quiet;
    state().graphs.emplace(*graph, std::move(made));
    return cudaSuccess;
  });
}

// The graph's memory becomes that of what is made of it.
cudaError_t cudaGraphInstantiate(cudaGraphExec_t* exec, cudaGraph_t graph, unsigned long long) {
  return emulation::device_call("cudaGraphInstantiate", [&](emulation::Device&) {
    if (exec == nullptr || graph == nullptr) return cudaErrorInvalidValue;
    auto made = std::make_unique<CUgraphExec_st>();
    made->device = graph->device;
    made->work = std::make_shared<const std::vector<std::function<void()>>>(graph->work);
    made->memory = std::exchange(graph->memory, {});
    *exec = made.get();
    const Quiet quiet;
    state().graph_execs.emplace(*exec, std::move(made));
    return cudaSuccess;
  });
}

cudaError_t cudaGraphLaunch(cudaGraphExec_t exec, cudaStream_t handle) {
  return emulation::stream_call("cudaGraphLaunch", handle, [&](CUstream_st& stream) {
    if (exec == nullptr || exec->device != stream.device) return cudaErrorInvalidValue;
    auto op = std::make_unique<emulation::Op>();
    op->work = [work = exec->work] {
      for (const auto& one : *work) one();
    };
    emulation::submit(stream, std::move(op));
    return cudaSuccess;
  });
}

cudaError_t cudaGraphDestroy(cudaGraph_t graph) {
  return emulation::releasing_call("cudaGraphDestroy",
                                   [&](emulation::Device&) { return emulation::destroy(state().graphs, graph); });
}

cudaError_t cudaGraphExecDestroy(cudaGraphExec_t exec) {
  return emulation::releasing_call("cudaGraphExecDestroy",
                                   [&](emulation::Device&) { return emulation::destroy(state().graph_execs, exec); });
}
}
