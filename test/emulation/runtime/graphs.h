// Graphs: work that a stream was given while it captured, to be put on a stream again as a whole.
//
// A stream that captures runs nothing. What cannot be captured (events, a host that waits, memory that is asked for elsewhere by the
// thread that captures) is refused, and the capture is good for nothing any more. Memory that is taken on such a stream is the graph's:
// its addresses stay, and it is given back with the graph.
#pragma once

#include <cuda_runtime_api.h>

#include <functional>
#include <memory>
#include <thread>
#include <vector>

#include "runtime/state.h"

struct CUgraph_st {
  emulation::Device* device = nullptr;
  std::vector<std::function<void()>> work;
  std::vector<const void*> memory;
};

struct CUgraphExec_st {
  emulation::Device* device = nullptr;
  std::shared_ptr<const std::vector<std::function<void()>>> work;  // which streams hold while they are at it
  std::vector<const void*> memory;
};

namespace emulation {

// Of a stream; all under the lock.
struct Capture {
  cudaStreamCaptureMode mode = cudaStreamCaptureModeGlobal;
  std::thread::id thread;  // which began it
  bool valid = true;
  std::vector<std::function<void()>> work;
  std::vector<const void*> memory;
};

// Whether the calling thread may not do what no capture survives: wait for the device, or take memory of no stream. Captures that it
// would spoil are spoilt.
bool spoils_capture(const Device& device);

// Gives back what the capture holds, on a stream that goes; not under the lock.
void drop(std::unique_ptr<Capture> capture);

// A free of what was taken within a capture, on its stream: false where it was taken elsewhere.
bool belongs_to(const Capture& capture, const void* pointer);

}  // namespace emulation
