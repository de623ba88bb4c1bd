// Kernels against plain loops.
#include <cuda_bf16.h>
#include <cuda_fp16.h>

#include <cmath>
#include <cstdint>
#include <ctime>
#include <numeric>
#include <set>
#include <vector>

#include "cuda/kernels/shared.h"
#include "runtime/sanitizers.h"
#include "runtime/support.h"

using emulation_tests::Clean;
using emulation_tests::Memory;
using emulation_tests::on;
using emulation_tests::Stream;

namespace {

__global__ void scale(const float* in, float* out, float by, int count) {
  const int index = static_cast<int>(blockIdx.x * blockDim.x + threadIdx.x);
  if (index < count) out[index] = in[index] * by;
}

__global__ void indices(uint3* at, uint3* blocks) {
  const unsigned block = (blockIdx.z * gridDim.y + blockIdx.y) * gridDim.x + blockIdx.x;
  const unsigned thread = (threadIdx.z * blockDim.y + threadIdx.y) * blockDim.x + threadIdx.x;
  const unsigned index = block * blockDim.x * blockDim.y * blockDim.z + thread;
  at[index] = threadIdx;
  blocks[index] = blockIdx;
}

// The sum of each block's values by halving, in dynamic shared memory.
__global__ void block_sums(const int* in, int* sums) {
  int* values = tensorlane::cuda::dynamic_shared<int>();
  values[threadIdx.x] = in[blockIdx.x * blockDim.x + threadIdx.x];
  __syncthreads();
  for (unsigned half = blockDim.x / 2; half > 0; half /= 2) {
    if (threadIdx.x < half) values[threadIdx.x] += values[threadIdx.x + half];
    __syncthreads();
  }
  if (threadIdx.x == 0) sums[blockIdx.x] = values[0];
}

__global__ void reverse_block(int* values) {
  __shared__ int copy[256];
  const unsigned base = blockIdx.x * blockDim.x;
  copy[threadIdx.x] = values[base + threadIdx.x];
  __syncthreads();
  values[base + threadIdx.x] = copy[blockDim.x - 1 - threadIdx.x];
}

__global__ void many_barriers(int* values, int turns) {
  __shared__ int shared[256];
  shared[threadIdx.x] = 0;
  for (int turn = 0; turn < turns; ++turn) {
    __syncthreads();
    const int next = shared[(threadIdx.x + 1) % blockDim.x];
    __syncthreads();
    shared[threadIdx.x] = next + 1;
  }
  values[threadIdx.x] = shared[threadIdx.x];
}

__global__ void barrier_votes(int* out) {
  const int self = static_cast<int>(threadIdx.x);
  out[self * 5] = __syncthreads_count(self % 3 == 0);
  out[self * 5 + 1] = __syncthreads_or(self == 7);
  out[self * 5 + 2] = __syncthreads_or(0);
  out[self * 5 + 3] = __syncthreads_and(self < 1000);
  out[self * 5 + 4] = __syncthreads_and(self != 7);
}

__global__ void leave_early(int* out) {
  if (threadIdx.x % 2 == 1) return;
  __syncthreads();
  out[threadIdx.x] = __syncthreads_count(1);
}

__global__ void shuffles(const double* in, double* out, int width) {
  const double value = in[threadIdx.x];
  out[threadIdx.x * 4] = __shfl_sync(0xffffffff, value, 3, width);
  out[threadIdx.x * 4 + 1] = __shfl_up_sync(0xffffffff, value, 2, width);
  out[threadIdx.x * 4 + 2] = __shfl_down_sync(0xffffffff, value, 5, width);
  out[threadIdx.x * 4 + 3] = __shfl_xor_sync(0xffffffff, value, 4, width);
}

__global__ void warp_sum(const float* in, float* out) {
  float value = in[blockIdx.x * blockDim.x + threadIdx.x];
  for (int lanes = 16; lanes > 0; lanes /= 2) value += __shfl_xor_sync(0xffffffff, value, lanes);
  if (threadIdx.x % 32 == 0) out[(blockIdx.x * blockDim.x + threadIdx.x) / 32] = value;
}

__global__ void warp_votes(unsigned* out) {
  const unsigned lane = threadIdx.x % 32;
  const unsigned half = lane < 16 ? 0x0000ffffU : 0xffff0000U;
  out[threadIdx.x * 6] = __ballot_sync(0xffffffff, lane % 2);
  out[threadIdx.x * 6 + 1] = __ballot_sync(half, lane % 4 == 0);
  out[threadIdx.x * 6 + 2] = static_cast<unsigned>(__any_sync(half, lane == 3));
  out[threadIdx.x * 6 + 3] = static_cast<unsigned>(__all_sync(half, lane != 3));
  __syncwarp();
  out[threadIdx.x * 6 + 4] = __activemask();
  // Only some lanes get here at all.
  if (lane < 8) out[threadIdx.x * 6 + 5] = __ballot_sync(0xff, 1);
}

__global__ void count_all(int* ints, unsigned* unsigneds, unsigned long long* longs, float* floats, double* doubles,
                          int* most, int* least) {
  const int index = static_cast<int>(blockIdx.x * blockDim.x + threadIdx.x);
  atomicAdd(ints, 1);
  atomicAdd(unsigneds, 2U);
  atomicAdd(longs, 3ULL);
  atomicAdd(floats, 0.5F);
  atomicAdd(doubles, 0.25);
  atomicMax(most, index);
  atomicMin(least, -index);
}

// The last block to end adds up what all of them left in global memory.
__global__ void last_block(int* parts, unsigned* ended, int* total) {
  __shared__ bool last;
  if (threadIdx.x == 0) {
    parts[blockIdx.x] = static_cast<int>(blockIdx.x) + 1;
    __threadfence();
    last = atomicAdd(ended, 1U) == gridDim.x - 1;
  }
  __syncthreads();
  if (!last || threadIdx.x != 0) return;
  int sum = 0;
  for (unsigned block = 0; block < gridDim.x; ++block) sum += parts[block];
  *total = sum;
}

#ifndef EMULATION_TSAN
// Right only where the blocks run in the order of their numbers.
__global__ void chain(int* values) { values[blockIdx.x] = blockIdx.x == 0 ? 1 : values[blockIdx.x - 1] + 1; }

// Right only where shared memory begins with zeros.
__global__ void count_threads(int* counts) {
  __shared__ int count;
  atomicAdd(&count, 1);
  __syncthreads();
  if (threadIdx.x == 0) counts[blockIdx.x] = count;
}

// What shared memory holds before it is written.
__global__ void unwritten(float* floats, int* ints) {
  __shared__ float values[100];
  __shared__ int numbers[100];
  floats[blockIdx.x * blockDim.x + threadIdx.x] = values[threadIdx.x];
  ints[blockIdx.x * blockDim.x + threadIdx.x] = numbers[threadIdx.x];
  __syncthreads();
  values[threadIdx.x] = 1;
  numbers[threadIdx.x] = 1;
}
#endif

std::vector<int> counted(std::size_t count) {
  std::vector<int> values(count);
  std::iota(values.begin(), values.end(), 0);
  return values;
}

}  // namespace

// ThreadSanitizer reports such kernels itself.
#ifndef EMULATION_TSAN
TEST_CASE("a kernel that relies on the order of blocks goes wrong with every seed, and with each in its own way") {
  const Clean clean;
  const Stream stream;
  for (const int blocks : {2, 3, 7, 64}) {
    std::vector<int> in_order(static_cast<std::size_t>(blocks));
    std::iota(in_order.begin(), in_order.end(), 1);
    std::set<std::vector<int>> seen;
    for (std::uint64_t seed = 0; seed < 8; ++seed) {
      CAPTURE(blocks);
      CAPTURE(seed);
      emulation::config().delay_seed = seed;
      const Memory<int> values(std::vector<int>(in_order.size(), 0));
      const cudaLaunchConfig_t config = on(stream, blocks, 1);
      OK(cudaLaunchKernelEx(&config, chain, values));
      stream.wait();
      CHECK(values.values() != in_order);
      seen.insert(values.values());
    }
    if (blocks > 2) CHECK_GT(seen.size(), 1);
  }
}

TEST_CASE("a kernel that takes its shared memory for zeros goes wrong in every block") {
  const Stream stream;
  constexpr int kBlocks = 5;
  const Memory<int> counts(kBlocks);
  const cudaLaunchConfig_t config = on(stream, kBlocks, 64);
  OK(cudaLaunchKernelEx(&config, count_threads, counts));
  stream.wait();
  for (const int count : counts.values()) CHECK_NE(count, 64);
}

TEST_CASE("shared memory holds NaN and -1 before it is written, also where a block before has written it") {
  const Stream stream;
  constexpr int kBlocks = 4;
  const Memory<float> floats(kBlocks * 100);
  const Memory<int> ints(kBlocks * 100);
  const cudaLaunchConfig_t config = on(stream, kBlocks, 100);
  for (int launch = 0; launch < 2; ++launch) {
    OK(cudaLaunchKernelEx(&config, unwritten, floats, ints));
    stream.wait();
    for (const float value : floats.values()) CHECK(std::isnan(value));
    for (const int value : ints.values()) CHECK_EQ(value, -1);
  }
}
#endif

TEST_CASE("a kernel without barriers runs for every index") {
  const Stream stream;
  constexpr int kCount = 1000;
  std::vector<float> values(kCount);
  std::iota(values.begin(), values.end(), 0.0F);
  const Memory<float> in(values);
  const Memory<float> out(kCount);
  const auto config = on(stream, (kCount + 127) / 128, 128);
  OK(cudaLaunchKernelEx(&config, scale, in, out, 3, kCount));
  stream.wait();
  const std::vector<float> result = out.values();
  for (int index = 0; index < kCount; ++index)
    CHECK_EQ(result[static_cast<std::size_t>(index)], 3.0F * static_cast<float>(index));
}

TEST_CASE("indices in three dimensions") {
  const Stream stream;
  const dim3 grid(3, 2, 2);
  const dim3 block(4, 3, 2);
  const Memory<uint3> threads(288);
  const Memory<uint3> blocks(288);
  const auto config = on(stream, grid, block);
  OK(cudaLaunchKernelEx(&config, indices, threads, blocks));
  stream.wait();
  const auto at = threads.values();
  const auto of = blocks.values();
  std::size_t index = 0;
  for (unsigned b = 0; b < 12; ++b) {
    for (unsigned t = 0; t < 24; ++t, ++index) {
      CHECK_EQ(at[index].x, t % 4);
      CHECK_EQ(at[index].y, t / 4 % 3);
      CHECK_EQ(at[index].z, t / 12);
      CHECK_EQ(of[index].x, b % 3);
      CHECK_EQ(of[index].y, b / 3 % 2);
      CHECK_EQ(of[index].z, b / 6);
    }
  }
}

TEST_CASE("barriers") {
  const Stream stream;
  const Memory<int> in(counted(1024));
  const Memory<int> sums(8);
  const auto config = on(stream, 8, 128, 128 * sizeof(int));
  OK(cudaLaunchKernelEx(&config, block_sums, in, sums));
  const auto reversing = on(stream, 4, 256);
  OK(cudaLaunchKernelEx(&reversing, reverse_block, in));
  const Memory<int> turns(256);
  const auto one = on(stream, 1, 256);
  OK(cudaLaunchKernelEx(&one, many_barriers, turns, 10));
  stream.wait();
  const auto sum = sums.values();
  for (int block = 0; block < 8; ++block) CHECK_EQ(sum[static_cast<std::size_t>(block)], 128 * 128 * block + 127 * 64);
  const auto reversed = in.values();
  for (int index = 0; index < 1024; ++index)
    CHECK_EQ(reversed[static_cast<std::size_t>(index)], index / 256 * 256 + 255 - index % 256);
  for (const int value : turns.values()) CHECK_EQ(value, 10);
}

TEST_CASE("barriers that count") {
  const Stream stream;
  const Memory<int> out(500);
  const auto config = on(stream, 1, 100);
  OK(cudaLaunchKernelEx(&config, barrier_votes, out));
  const Memory<int> early(100);
  OK(cudaMemset(early, 0, 400));
  OK(cudaLaunchKernelEx(&config, leave_early, early));
  stream.wait();
  const auto votes = out.values();
  for (std::size_t thread = 0; thread < 100; ++thread) {
    CHECK_EQ(votes[thread * 5], 34);
    CHECK_EQ(votes[thread * 5 + 1], 1);
    CHECK_EQ(votes[thread * 5 + 2], 0);
    CHECK_EQ(votes[thread * 5 + 3], 1);
    CHECK_EQ(votes[thread * 5 + 4], 0);
  }
  const auto left = early.values();
  for (std::size_t thread = 0; thread < 100; ++thread) CHECK_EQ(left[thread], thread % 2 == 1 ? 0 : 50);
}

TEST_CASE("shuffles of every width") {
  const Stream stream;
  constexpr int kThreads = 96;
  std::vector<double> values(kThreads);
  for (int index = 0; index < kThreads; ++index) values[static_cast<std::size_t>(index)] = index * 1.5;
  const Memory<double> in(values);
  const Memory<double> out(std::size_t{4} * kThreads);
  for (const int width : {32, 16, 8}) {
    const auto config = on(stream, 1, kThreads);
    OK(cudaLaunchKernelEx(&config, shuffles, in, out, width));
    stream.wait();
    const auto result = out.values();
    for (int thread = 0; thread < kThreads; ++thread) {
      const int group = thread / width * width;
      const int within = thread % width;
      const auto* got = &result[static_cast<std::size_t>(thread) * 4];
      CHECK_EQ(got[0], 1.5 * (group + 3));
      CHECK_EQ(got[1], 1.5 * (within >= 2 ? thread - 2 : thread));
      CHECK_EQ(got[2], 1.5 * (within + 5 < width ? thread + 5 : thread));
      CHECK_EQ(got[3], 1.5 * (thread ^ 4));
    }
  }
}

TEST_CASE("sums and votes of warps") {
  const Stream stream;
  std::vector<float> values(512);
  std::iota(values.begin(), values.end(), 1.0F);
  const Memory<float> in(values);
  const Memory<float> sums(16);
  const auto config = on(stream, 4, 128);
  OK(cudaLaunchKernelEx(&config, warp_sum, in, sums));
  const Memory<unsigned> votes(64 * 6);
  const auto two = on(stream, 1, 64);
  OK(cudaLaunchKernelEx(&two, warp_votes, votes));
  stream.wait();
  const auto sum = sums.values();
  for (int warp = 0; warp < 16; ++warp)
    CHECK_EQ(sum[static_cast<std::size_t>(warp)], static_cast<float>(32 * 32 * warp + 16 * 33));
  const auto vote = votes.values();
  for (unsigned thread = 0; thread < 64; ++thread) {
    const unsigned* got = &vote[std::size_t{thread} * 6];
    const bool low = thread % 32 < 16;
    CHECK_EQ(got[0], 0xaaaaaaaaU);
    CHECK_EQ(got[1], low ? 0x1111U : 0x11110000U);
    CHECK_EQ(got[2], low ? 1U : 0U);
    CHECK_EQ(got[3], low ? 0U : 1U);
    if (thread % 32 < 8) CHECK_EQ(got[5], 0xffU);
  }
}

TEST_CASE("atomics") {
  const Stream stream;
  const Memory<int> ints(std::vector<int>{0, 0, 0});
  const Memory<unsigned> unsigneds(std::vector<unsigned>{0});
  const Memory<unsigned long long> longs(std::vector<unsigned long long>{0});
  const Memory<float> floats(std::vector<float>{0});
  const Memory<double> doubles(std::vector<double>{0});
  const auto config = on(stream, 4, 64);
  OK(cudaLaunchKernelEx(&config, count_all, ints, unsigneds, longs, floats, doubles, ints + 1, ints + 2));
  const Memory<int> parts(10);
  const Memory<unsigned> ended(std::vector<unsigned>{0});
  const Memory<int> total(1);
  const auto ten = on(stream, 10, 32);
  OK(cudaLaunchKernelEx(&ten, last_block, parts, ended, total));
  stream.wait();
  CHECK_EQ(ints.values(), std::vector<int>{256, 255, -255});
  CHECK_EQ(unsigneds.values()[0], 512U);
  CHECK_EQ(longs.values()[0], 768U);
  CHECK_EQ(floats.values()[0], 128.0F);
  CHECK_EQ(doubles.values()[0], 64.0);
  CHECK_EQ(total.values()[0], 55);
}

TEST_CASE("half precision and bfloat16 convert as the device does") {
  for (unsigned bits = 0; bits < 0x10000; ++bits) {
    const auto pattern = static_cast<unsigned short>(bits);
    const float small = __half2float(__ushort_as_half(pattern));
    const float brain = __bfloat162float(__ushort_as_bfloat16(pattern));
    if (std::isnan(small))
      CHECK_EQ(__half_as_ushort(__float2half_rn(small)), 0x7fff);
    else if (__half_as_ushort(__float2half_rn(small)) != pattern)
      FAIL(pattern);
    if (!std::isnan(brain) && __bfloat16_as_ushort(__float2bfloat16_rn(brain)) != pattern) FAIL(pattern);
  }
  CHECK_EQ(__half_as_ushort(__float2half_rn(1.0F)), 0x3c00);
  CHECK_EQ(__half_as_ushort(__float2half_rn(65519.0F)), 0x7bff);
  CHECK_EQ(__half_as_ushort(__float2half_rn(65520.0F)), 0x7c00);
  CHECK_EQ(__half_as_ushort(__float2half_rn(0x1p-24F)), 0x0001);
  CHECK_EQ(__half_as_ushort(__float2half_rn(0x1p-25F)), 0x0000);
  CHECK_EQ(__half_as_ushort(__float2half_rn(0x1.8p-24F)), 0x0002);
  CHECK_EQ(__half_as_ushort(__float2half_rn(1.0F + 0x1p-11F)), 0x3c00);
  CHECK_EQ(__half_as_ushort(__float2half_rn(1.0F + 0x1.8p-10F)), 0x3c02);
  CHECK_EQ(__half_as_ushort(__float2half_rn(-2.5F)), 0xc100);
  CHECK_EQ(__bfloat16_as_ushort(__float2bfloat16_rn(1.0F + 0x1p-8F)), 0x3f80);
  CHECK_EQ(__bfloat16_as_ushort(__float2bfloat16_rn(1.0F + 0x1.8p-7F)), 0x3f82);
}

TEST_CASE("a launch that a GPU would refuse") {
  const Clean clean;
  const Stream stream;
  const Memory<int> values(counted(1024));
  const auto launch = [&](dim3 grid, dim3 block, std::size_t shared) {
    const auto config = on(stream, grid, block, shared);
    return cudaLaunchKernelEx(&config, block_sums, values, values);
  };
  CHECK_EQ(launch(1, 1025, 0), cudaErrorInvalidConfiguration);
  CHECK_EQ(launch(1, 0, 0), cudaErrorInvalidConfiguration);
  CHECK_EQ(launch(0, 32, 0), cudaErrorInvalidConfiguration);
  CHECK_EQ(launch(dim3(1, 65536), 32, 0), cudaErrorInvalidConfiguration);
  CHECK_EQ(launch(1, dim3(1, 1, 65), 0), cudaErrorInvalidConfiguration);
  CHECK_EQ(cudaGetLastError(), cudaErrorInvalidConfiguration);
  CHECK_EQ(cudaGetLastError(), cudaSuccess);
  CHECK_EQ(launch(1, 1024, 49153), cudaErrorInvalidValue);
  CHECK_EQ(cudaFuncSetAttribute(block_sums, cudaFuncAttributeMaxDynamicSharedMemorySize, 232449),
           cudaErrorInvalidValue);
  OK(cudaFuncSetAttribute(block_sums, cudaFuncAttributeMaxDynamicSharedMemorySize, 232448));
  CHECK_EQ(launch(1, 1024, 232448), cudaSuccess);
  stream.wait();
  const auto on_no_stream = on(nullptr, 1, 32);
  CHECK_EQ(cudaLaunchKernelEx(&on_no_stream, block_sums, values, values), cudaErrorInvalidResourceHandle);
}

// In CPU time, of code as it is meant to run.
#if defined(__OPTIMIZE__) && !defined(EMULATION_ASAN) && !defined(EMULATION_TSAN)
TEST_CASE("kernels are fast enough") {
  const Stream stream;
  const Memory<float> values(std::size_t{1} << 20);
  const Memory<int> turns(256);
  const auto best_of = [&](auto work) {
    double best = 1e9;
    for (int run = 0; run < 5; ++run) {
      const std::clock_t start = std::clock();  // of this process, whoever else computes meanwhile
      work();
      stream.wait();
      best = std::min(best, static_cast<double>(std::clock() - start) / CLOCKS_PER_SEC);
    }
    return best;
  };
  const auto million = on(stream, 4096, 256);
  const double plain = best_of([&] { OK(cudaLaunchKernelEx(&million, scale, values, values, 1.0F, 1 << 20)); });
  const auto block = on(stream, 1, 256);
  const double barriers = best_of([&] { OK(cudaLaunchKernelEx(&block, many_barriers, turns, 10)); });
  MESSAGE("a million threads: " << plain * 1e3 << " ms; 256 threads with 20 barriers: " << barriers * 1e6 << " us");
  CHECK(plain < 0.5);
  CHECK(barriers < 0.01);
}
#endif
