// One mistake a run, by name. The tests look at how the process reports it; "nothing" is the same program without any.
#include <cuda_runtime.h>

#include <cstdio>
#include <cstdlib>
#include <string_view>

#include "cuda/kernels/shared.h"
#include "emulation.h"

namespace {

void check(cudaError_t error) {
  if (error == cudaSuccess) return;
  std::printf("unexpected: %s\n", cudaGetErrorName(error));
  std::_Exit(3);
}

constexpr int kThreads = 64;

__global__ void write_at(int* values, int offset) { values[threadIdx.x + offset] = static_cast<int>(threadIdx.x); }

__global__ void add_without_atomic(int* sum) { *sum = *sum + 1; }

__global__ void add_with_atomic(int* sum) { atomicAdd(sum, 1); }

// Each thread reads what its neighbour wrote.
__global__ void neighbours(int* values, bool barrier) {
  __shared__ int shared[kThreads];
  shared[threadIdx.x] = static_cast<int>(threadIdx.x);
  if (barrier) __syncthreads();
  values[threadIdx.x] = shared[(threadIdx.x + 1) % kThreads];
}

__global__ void same_for_all_blocks(int* value) {
  if (threadIdx.x == blockIdx.x) *value = 1;
}

__global__ void beyond_shared(int* values, int at) {
  int* shared = tensorlane::cuda::dynamic_shared<int>();
  if (threadIdx.x == 0) shared[at] = 1;
  __syncthreads();
  values[threadIdx.x] = shared[at];
}

__global__ void follow(int** pointer) { **pointer = 1; }

cudaLaunchConfig_t on(cudaStream_t stream, unsigned blocks = 1, std::size_t shared = 0) {
  cudaLaunchConfig_t config = {};
  config.gridDim = blocks;
  config.blockDim = kThreads;
  config.dynamicSmemBytes = shared;
  config.stream = stream;
  return config;
}

}  // namespace

int main(int count, char** arguments) {
  const std::string_view mistake = count > 1 ? arguments[1] : "nothing";
  cudaStream_t first = nullptr;
  cudaStream_t second = nullptr;
  cudaEvent_t event = nullptr;
  int* values = nullptr;
  int* pinned = nullptr;
  check(cudaStreamCreateWithFlags(&first, cudaStreamNonBlocking));
  check(cudaStreamCreateWithFlags(&second, cudaStreamNonBlocking));
  check(cudaEventCreateWithFlags(&event, cudaEventDisableTiming));
  check(cudaMalloc(&values, kThreads * sizeof(int)));
  check(cudaHostAlloc(&pinned, kThreads * sizeof(int), cudaHostAllocDefault));
  const cudaLaunchConfig_t config = on(first);

  if (mistake == "nothing") {
    check(cudaLaunchKernelEx(&config, write_at, values, 0));
    const cudaLaunchConfig_t several = on(first, 3);
    check(cudaLaunchKernelEx(&several, neighbours, values, true));
    check(cudaLaunchKernelEx(&several, add_with_atomic, values));
    check(cudaEventRecord(event, first));
    check(cudaStreamWaitEvent(second, event, 0));
    const cudaLaunchConfig_t other = on(second, 1, kThreads * sizeof(int));
    check(cudaLaunchKernelEx(&other, write_at, values, 0));
    check(cudaLaunchKernelEx(&other, beyond_shared, values, kThreads - 1));
    check(cudaMemcpyAsync(pinned, values, kThreads * sizeof(int), cudaMemcpyDeviceToHost, second));
    check(cudaStreamSynchronize(second));
    pinned[0] = 0;
  } else if (mistake == "out-of-bounds") {
    check(cudaLaunchKernelEx(&config, write_at, values, 1));
  } else if (mistake == "use-after-free") {
    check(cudaFree(values));
    check(cudaLaunchKernelEx(&config, write_at, values, 0));
    values = nullptr;
  } else if (mistake == "shared-out-of-bounds") {
    const cudaLaunchConfig_t shared = on(first, 1, kThreads * sizeof(int));
    check(cudaLaunchKernelEx(&shared, beyond_shared, values, kThreads));
  } else if (mistake == "race") {
    check(cudaLaunchKernelEx(&config, add_without_atomic, values));
  } else if (mistake == "no-barrier") {
    check(cudaLaunchKernelEx(&config, neighbours, values, false));
  } else if (mistake == "blocks") {
    const cudaLaunchConfig_t several = on(first, 3);
    check(cudaLaunchKernelEx(&several, same_for_all_blocks, values));
  } else if (mistake == "streams" || mistake == "streams-later") {
    check(cudaLaunchKernelEx(&config, write_at, values, 0));
    // The work of the first stream has long ended, but nothing says that it had to.
    if (mistake == "streams-later")
      while (cudaMemset(values, 0, 0) == cudaSuccess && emulation::calls("cudaMemset") < 100000) {
      }
    const cudaLaunchConfig_t other = on(second);
    check(cudaLaunchKernelEx(&other, write_at, values, 0));
    check(cudaStreamSynchronize(second));
  } else if (mistake == "pinned-too-early") {
    pinned[0] = 1;
    check(cudaMemcpyAsync(values, pinned, kThreads * sizeof(int), cudaMemcpyHostToDevice, first));
    pinned[0] = 2;
  } else if (mistake == "read-too-early") {
    check(cudaMemcpyAsync(pinned, values, kThreads * sizeof(int), cudaMemcpyDeviceToHost, first));
    std::printf("%d\n", pinned[0]);
  } else if (mistake == "host-access") {
    values[3] = 1;
  } else if (mistake == "host-pointer-in-memory") {
    int** table = nullptr;
    check(cudaMalloc(&table, sizeof(int*)));
    check(cudaMemcpy(table, &values, sizeof(int*), cudaMemcpyHostToDevice));
    check(cudaLaunchKernelEx(&config, follow, table));
  } else if (mistake == "ends-while-busy") {
    for (int turn = 0; turn < 200; ++turn) check(cudaLaunchKernelEx(&config, neighbours, values, true));
    return 0;
  } else {
    return 2;
  }
  check(cudaDeviceSynchronize());
  check(cudaFree(values));
  check(cudaFreeHost(pinned));
  check(cudaEventDestroy(event));
  check(cudaStreamDestroy(first));
  check(cudaStreamDestroy(second));
  std::printf("done\n");
  return 0;
}
