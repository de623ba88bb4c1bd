// Graphs: what a stream was given while it captured, and what no capture survives.
#include <vector>

#include "runtime/support.h"

using emulation_tests::Clean;
using emulation_tests::Memory;
using emulation_tests::Stream;

namespace {

constexpr std::size_t kBytes = 4 * sizeof(int);

cudaGraphExec_t instantiated(cudaStream_t stream) {
  cudaGraph_t graph = nullptr;
  OK(cudaStreamEndCapture(stream, &graph));
  cudaGraphExec_t exec = nullptr;
  OK(cudaGraphInstantiate(&exec, graph, 0));
  OK(cudaGraphDestroy(graph));
  return exec;
}

}  // namespace

TEST_CASE("a graph: nothing runs while it is captured, all of it each time that it is launched") {
  const Clean clean;
  const emulation::Live before = emulation::live();
  {
    const Stream stream;
    const Memory<int> from({1, 2, 3, 4});
    const Memory<int> to({0, 0, 0, 0});
    OK(cudaStreamBeginCapture(stream, cudaStreamCaptureModeThreadLocal));
    // Memory of the stream's is the graph's, whatever the stream does with it.
    void* between = nullptr;
    OK(cudaMallocAsync(&between, kBytes, stream));
    OK(cudaMemcpyAsync(between, from, kBytes, cudaMemcpyDeviceToDevice, stream));
    OK(cudaMemcpyAsync(to, between, kBytes, cudaMemcpyDeviceToDevice, stream));
    OK(cudaFreeAsync(between, stream));
    cudaGraphExec_t exec = instantiated(stream);
    stream.wait();
    CHECK(to.values() == std::vector<int>{0, 0, 0, 0});
    for (int turn = 0; turn < 3; ++turn) {
      OK(cudaMemset(from, turn, kBytes));
      OK(cudaGraphLaunch(exec, stream));
      stream.wait();
      CHECK(to.values() == std::vector<int>(4, turn * 0x01010101));
    }
    CHECK_EQ(emulation::live().graphs, before.graphs + 1);
    OK(cudaGraphExecDestroy(exec));
  }
  CHECK(emulation::live() == before);
}

TEST_CASE("a graph: what cannot be captured is refused, and nothing comes of the capture") {
  const Clean clean;
  const Stream stream;
  cudaEvent_t event = nullptr;
  OK(cudaEventCreateWithFlags(&event, cudaEventDisableTiming));
  const auto spoilt = [&](auto call) {
    OK(cudaStreamBeginCapture(stream, cudaStreamCaptureModeThreadLocal));
    void* memory = nullptr;
    OK(cudaMallocAsync(&memory, kBytes, stream));
    call();
    cudaGraph_t graph = nullptr;
    CHECK_EQ(cudaStreamEndCapture(stream, &graph), cudaErrorStreamCaptureInvalidated);
    CHECK(graph == nullptr);
  };
  const emulation::Live before = emulation::live();
  spoilt([&] { CHECK_EQ(cudaStreamSynchronize(stream), cudaErrorStreamCaptureUnsupported); });
  spoilt([&] { CHECK_EQ(cudaDeviceSynchronize(), cudaErrorStreamCaptureUnsupported); });
  spoilt([&] { static_cast<void>(cudaEventRecord(event, stream)); });
  spoilt([&] {
    void* other = nullptr;
    CHECK_EQ(cudaMalloc(&other, kBytes), cudaErrorStreamCaptureUnsupported);
  });
  CHECK(emulation::live() == before);
  cudaGraph_t graph = nullptr;
  CHECK_EQ(cudaStreamEndCapture(stream, &graph), cudaErrorIllegalState);
  OK(cudaEventDestroy(event));
  OK(cudaStreamSynchronize(stream));  // which works as before
}

TEST_CASE("a graph: a stream that goes while it captures leaves nothing") {
  const Clean clean;
  const emulation::Live before = emulation::live();
  cudaStream_t stream = nullptr;
  OK(cudaStreamCreateWithFlags(&stream, cudaStreamNonBlocking));
  OK(cudaStreamBeginCapture(stream, cudaStreamCaptureModeThreadLocal));
  void* memory = nullptr;
  OK(cudaMallocAsync(&memory, kBytes, stream));
  OK(cudaStreamDestroy(stream));
  CHECK(emulation::live() == before);
}
