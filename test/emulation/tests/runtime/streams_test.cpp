// The order of work: within a stream, between streams by events, and towards the host.
#include <atomic>
#include <chrono>
#include <cstring>
#include <thread>
#include <vector>

#include "runtime/support.h"

using emulation_tests::Clean;
using emulation_tests::Memory;
using emulation_tests::Stream;

namespace {

// Keeps a stream busy until it is opened.
class Gate {
 public:
  explicit Gate(cudaStream_t stream) {
    OK(emulation::enqueue(stream, [this] {
      while (!open_.load()) std::this_thread::yield();
    }));
  }
  void open() { open_.store(true); }

 private:
  std::atomic<bool> open_{false};
};

cudaEvent_t make_event(unsigned flags = cudaEventDisableTiming) {
  cudaEvent_t event = nullptr;
  OK(cudaEventCreateWithFlags(&event, flags));
  return event;
}

}  // namespace

TEST_CASE("a stream works in order, in its own time") {
  const Clean clean;
  for (const std::uint64_t seed : {0, 1, 7}) {
    emulation::config().delay_seed = seed;
    const Stream stream;
    Gate gate(stream);
    std::vector<int> order;
    for (int turn = 0; turn < 50; ++turn) OK(emulation::enqueue(stream, [&order, turn] { order.push_back(turn); }));
    CHECK_EQ(cudaStreamQuery(stream), cudaErrorNotReady);
    gate.open();
    stream.wait();
    CHECK_EQ(cudaStreamQuery(stream), cudaSuccess);
    REQUIRE_EQ(order.size(), 50U);
    for (int turn = 0; turn < 50; ++turn) CHECK_EQ(order[static_cast<std::size_t>(turn)], turn);
  }
}

TEST_CASE("events order streams") {
  const Clean clean;
  for (const std::uint64_t seed : {0, 3, 4}) {
    emulation::config().delay_seed = seed;
    const Stream first;
    const Stream second;
    const cudaEvent_t ready = make_event();
    const cudaEvent_t used = make_event();
    int shared = 0;  // plain on purpose: the events are all that orders it
    for (int turn = 0; turn < 20; ++turn) {
      OK(cudaStreamWaitEvent(first, used, 0));
      OK(emulation::enqueue(first, [&shared] { shared = shared * 2 + 1; }));
      OK(cudaEventRecord(ready, first));
      OK(cudaStreamWaitEvent(second, ready, 0));
      OK(emulation::enqueue(second, [&shared] { shared -= shared / 2; }));
      OK(cudaEventRecord(used, second));
    }
    OK(cudaEventSynchronize(used));
    int expected = 0;
    for (int turn = 0; turn < 20; ++turn) {
      expected = expected * 2 + 1;
      expected -= expected / 2;
    }
    CHECK_EQ(shared, expected);
    OK(cudaEventDestroy(ready));
    OK(cudaEventDestroy(used));
  }
}

TEST_CASE("a wait means the record there was when it was asked for") {
  const Stream first;
  const Stream second;
  const cudaEvent_t event = make_event();
  // Never recorded: nothing to wait for.
  OK(cudaStreamWaitEvent(second, event, 0));
  second.wait();
  CHECK_EQ(cudaEventQuery(event), cudaSuccess);
  OK(cudaEventSynchronize(event));

  OK(cudaEventRecord(event, first));
  first.wait();
  Gate gate(first);
  OK(cudaStreamWaitEvent(second, event, 0));  // the record that is done
  second.wait();
  OK(cudaEventRecord(event, first));
  CHECK_EQ(cudaEventQuery(event), cudaErrorNotReady);
  OK(cudaStreamWaitEvent(second, event, 0));  // the latest one
  CHECK_EQ(cudaStreamQuery(second), cudaErrorNotReady);
  OK(cudaEventDestroy(event));  // what waits for it goes on waiting
  CHECK_EQ(cudaStreamQuery(second), cudaErrorNotReady);
  gate.open();
  second.wait();
  CHECK_EQ(cudaEventQuery(event), cudaErrorInvalidResourceHandle);
  CHECK_EQ(cudaGetLastError(), cudaErrorInvalidResourceHandle);
}

TEST_CASE("a stream that is destroyed ends its work first") {
  cudaStream_t stream = nullptr;
  OK(cudaStreamCreateWithFlags(&stream, cudaStreamNonBlocking));
  Gate gate(stream);
  std::atomic<int> done{0};
  for (int turn = 0; turn < 10; ++turn) OK(emulation::enqueue(stream, [&done] { ++done; }));
  OK(cudaStreamDestroy(stream));
  CHECK_EQ(done, 0);
  CHECK_EQ(cudaStreamSynchronize(stream), cudaErrorInvalidResourceHandle);
  CHECK_EQ(cudaGetLastError(), cudaErrorInvalidResourceHandle);
  gate.open();
  OK(cudaDeviceSynchronize());
  CHECK_EQ(done, 10);
}

TEST_CASE("pinned memory is read late, pageable memory at once") {
  const Stream stream;
  const Memory<int> device(4);
  std::vector<int> pageable{1, 2, 3, 4};
  int* pinned = nullptr;
  OK(cudaHostAlloc(&pinned, 16, cudaHostAllocDefault));
  {
    Gate gate(stream);
    OK(cudaMemcpyAsync(device, pageable.data(), 16, cudaMemcpyHostToDevice, stream));
    pageable.assign(4, 0);
    gate.open();
    OK(cudaMemcpyAsync(pinned, device, 16, cudaMemcpyDefault, stream));
    stream.wait();
    CHECK_EQ(pinned[3], 4);
  }
  {
    std::atomic<bool> written{false};
    OK(emulation::enqueue(stream, [&written] {
      while (!written.load()) std::this_thread::yield();
    }));
    OK(cudaMemcpyAsync(device, pinned, 16, cudaMemcpyHostToDevice, stream));
    pinned[3] = 40;
    written.store(true);
    OK(cudaMemcpyAsync(pageable.data(), device, 16, cudaMemcpyDeviceToHost, stream));
    CHECK_EQ(pageable[3], 40);
  }
  stream.wait();
  OK(cudaFreeHost(pinned));
}

TEST_CASE("copies of rows, fills, and copies on the device") {
  const Stream stream;
  const Memory<unsigned char> device(64);
  std::vector<unsigned char> host(40);
  for (std::size_t index = 0; index < host.size(); ++index) host[index] = static_cast<unsigned char>(index);
  OK(cudaMemsetAsync(device, 0xAB, 64, stream));
  OK(cudaMemcpy2DAsync(device, 16, host.data(), 10, 8, 4, cudaMemcpyHostToDevice, stream));
  OK(cudaMemcpyAsync(device + 56, device, 4, cudaMemcpyDeviceToDevice, stream));
  std::vector<unsigned char> back(20, 1);
  OK(cudaMemcpy2DAsync(back.data(), 5, device, 16, 4, 4, cudaMemcpyDeviceToHost, stream));
  stream.wait();
  const auto all = device.values();
  for (std::size_t row = 0; row < 4; ++row) {
    for (std::size_t column = 0; column < 8; ++column) {
      if (row == 3 && column >= 8) continue;
      CHECK_EQ(all[row * 16 + column], row * 10 + column);
      if (row < 3) CHECK_EQ(all[row * 16 + 8 + column], 0xAB);
    }
    for (std::size_t column = 0; column < 4; ++column) CHECK_EQ(back[row * 5 + column], row * 10 + column);
    CHECK_EQ(back[row * 5 + 4], 1);
  }
  CHECK_EQ(all[56], 0);
  CHECK_EQ(all[59], 3);
}

TEST_CASE("host functions and times") {
  const Stream stream;
  const cudaEvent_t start = make_event(cudaEventDefault);
  const cudaEvent_t end = make_event(cudaEventDefault);
  const cudaEvent_t untimed = make_event();
  int value = 0;
  OK(cudaEventRecord(start, stream));
  OK(cudaLaunchHostFunc(
      stream,
      [](void* data) {
        std::this_thread::sleep_for(std::chrono::milliseconds(5));
        *static_cast<int*>(data) = 3;
      },
      &value));
  OK(cudaEventRecord(end, stream));
  float elapsed = 0;
  CHECK_EQ(cudaEventElapsedTime(&elapsed, start, untimed), cudaErrorInvalidResourceHandle);
  OK(cudaEventSynchronize(end));
  CHECK_EQ(value, 3);
  OK(cudaEventElapsedTime(&elapsed, start, end));
  CHECK_GE(elapsed, 4.5F);
  for (const cudaEvent_t event : {start, end, untimed}) OK(cudaEventDestroy(event));
  CHECK_EQ(cudaGetLastError(), cudaErrorInvalidResourceHandle);
}

TEST_CASE("priorities, flags and devices of streams") {
  const Clean clean;
  emulation::config().devices = 2;
  int least = 1;
  int greatest = 1;
  OK(cudaDeviceGetStreamPriorityRange(&least, &greatest));
  CHECK_EQ(least, 0);
  CHECK_EQ(greatest, -5);
  cudaStream_t stream = nullptr;
  OK(cudaSetDevice(1));
  OK(cudaStreamCreateWithPriority(&stream, cudaStreamNonBlocking, -9));
  OK(cudaSetDevice(0));
  int priority = 0;
  unsigned flags = 0;
  int device = 0;
  OK(cudaStreamGetPriority(stream, &priority));
  OK(cudaStreamGetFlags(stream, &flags));
  OK(cudaStreamGetDevice(stream, &device));
  CHECK_EQ(priority, -5);
  CHECK_EQ(flags, static_cast<unsigned>(cudaStreamNonBlocking));
  CHECK_EQ(device, 1);
  OK(cudaStreamDestroy(stream));
  CHECK_EQ(cudaSetDevice(2), cudaErrorInvalidDevice);
}
