// Memory: what is handed out, what it costs, when it comes back.
#include <algorithm>
#include <atomic>
#include <cstring>
#include <thread>
#include <vector>

#include "runtime/sanitizers.h"
#include "runtime/support.h"

using emulation_tests::Clean;
using emulation_tests::Memory;
using emulation_tests::Stream;

namespace {

constexpr std::size_t kMiB = std::size_t{1} << 20;

cudaMemPool_t make_pool(int device = 0) {
  cudaMemPoolProps properties = {};
  properties.allocType = cudaMemAllocationTypePinned;
  properties.location.type = cudaMemLocationTypeDevice;
  properties.location.id = device;
  cudaMemPool_t pool = nullptr;
  OK(cudaMemPoolCreate(&pool, &properties));
  return pool;
}

std::uint64_t attribute(cudaMemPool_t pool, cudaMemPoolAttr name) {
  std::uint64_t value = 0;
  OK(cudaMemPoolGetAttribute(pool, name, &value));
  return value;
}

std::size_t free_memory() {
  std::size_t free = 0;
  std::size_t total = 0;
  OK(cudaMemGetInfo(&free, &total));
  return free;
}

void keep_all(cudaMemPool_t pool) {
  std::uint64_t all = ~std::uint64_t{0};
  OK(cudaMemPoolSetAttribute(pool, cudaMemPoolAttrReleaseThreshold, &all));
}

}  // namespace

// Of which no other test keeps memory: some lose a device with what it held.
constexpr int kOwnDevice = 3;

static void use_own_device() {
  emulation::config().devices = kOwnDevice + 1;
  OK(cudaSetDevice(kOwnDevice));
}

// Large memory is not filled byte by byte.
TEST_CASE("fresh memory of any size is not zero, nor what was written there before") {
  const Clean clean;
  for (const std::size_t bytes : {std::size_t{1000}, std::size_t{1'048'576}, std::size_t{9'000'001}}) {
    // ThreadSanitizer's runs look for races, and show it no more.
    const std::size_t looked = emulation::kThreadSanitizer ? std::min(bytes, std::size_t{1} << 20) : bytes;
    std::vector<unsigned char> host(looked);
    for (int again = 0; again < 2; ++again) {
      unsigned char* before = nullptr;
      unsigned char* memory = nullptr;
      OK(cudaMalloc(&before, 100));  // whose end is no page's
      OK(cudaMemset(before, 1, 100));
      OK(cudaMalloc(&memory, bytes));
      OK(cudaMemcpy(host.data(), memory, looked, cudaMemcpyDeviceToHost));
      CHECK_MESSAGE(std::ranges::all_of(host, [](unsigned char value) { return value == 0xCD; }), bytes, " bytes");
      OK(cudaMemset(memory, 7, bytes));
      OK(cudaMemcpy(host.data(), before, 100, cudaMemcpyDeviceToHost));
      CHECK_MESSAGE(std::all_of(host.begin(), host.begin() + 100, [](unsigned char value) { return value == 1; }),
                    "what lies before ", bytes, " bytes");
      OK(cudaFree(memory));
      OK(cudaFree(before));
    }
  }
}

TEST_CASE("fresh memory is not zero, and freed memory is gone") {
  const Clean clean;
  unsigned char* memory = nullptr;
  OK(cudaMalloc(&memory, 100));
  std::vector<unsigned char> host(100);
  OK(cudaMemcpy(host.data(), memory, 100, cudaMemcpyDeviceToHost));
  for (const unsigned char value : host) CHECK_EQ(value, 0xCD);
  CHECK(emulation::is_device_memory(memory, 100));
  CHECK_FALSE(emulation::is_device_memory(memory, 101));
  CHECK_EQ(cudaMemcpy(host.data(), memory, 101, cudaMemcpyDeviceToHost), cudaErrorInvalidValue);
  CHECK_EQ(cudaMemcpy(host.data(), memory, 10, cudaMemcpyHostToDevice), cudaErrorInvalidValue);
  OK(cudaFree(memory));
  CHECK_EQ(cudaMemcpy(host.data(), memory, 10, cudaMemcpyDeviceToHost), cudaErrorInvalidValue);
  const Stream stream;
  CHECK_EQ(cudaMemcpyAsync(host.data(), memory, 10, cudaMemcpyDeviceToHost, stream), cudaErrorInvalidValue);
  CHECK_EQ(cudaFree(memory), cudaErrorInvalidValue);
  CHECK_EQ(cudaFreeAsync(memory, stream), cudaErrorInvalidValue);
  OK(cudaFree(nullptr));
  OK(cudaMalloc(&memory, 0));
  CHECK_EQ(memory, nullptr);
}

TEST_CASE("a translated pointer is as good as the one it came from") {
  const Memory<int> memory(std::vector<int>{1, 2, 3});
  int* alias = emulation::on_device(static_cast<int*>(memory));
  CHECK_NE(alias, static_cast<int*>(memory));
  CHECK_EQ(emulation::on_device(alias), alias);
  CHECK_EQ(alias[2], 3);
  int host = 0;
  CHECK_EQ(emulation::on_device(&host), &host);
  OK(cudaMemcpy(&host, alias + 1, sizeof(int), cudaMemcpyDeviceToHost));
  CHECK_EQ(host, 2);
  cudaPointerAttributes attributes;
  OK(cudaPointerGetAttributes(&attributes, memory + 1));
  CHECK_EQ(attributes.type, cudaMemoryTypeDevice);
  OK(cudaPointerGetAttributes(&attributes, &host));
  CHECK_EQ(attributes.type, cudaMemoryTypeUnregistered);
  int* pinned = nullptr;
  OK(cudaMallocHost(&pinned, 8));
  OK(cudaPointerGetAttributes(&attributes, pinned + 1));
  CHECK_EQ(attributes.type, cudaMemoryTypeHost);
  OK(cudaFreeHost(pinned));
  CHECK_EQ(cudaFreeHost(pinned), cudaErrorInvalidValue);
  CHECK_EQ(cudaGetLastError(), cudaErrorInvalidValue);
}

TEST_CASE("memory runs out") {
  const Clean clean;
  use_own_device();
  emulation::config().memory_bytes = 8 * kMiB;
  CHECK_EQ(free_memory(), 8 * kMiB);
  void* first = nullptr;
  void* second = nullptr;
  OK(cudaMalloc(&first, 5 * kMiB));
  CHECK_EQ(free_memory(), 3 * kMiB);
  CHECK_EQ(cudaMalloc(&second, 4 * kMiB), cudaErrorMemoryAllocation);
  CHECK_EQ(cudaGetLastError(), cudaErrorMemoryAllocation);
  CHECK_EQ(cudaGetLastError(), cudaSuccess);
  OK(cudaMalloc(&second, 3 * kMiB));
  CHECK_EQ(free_memory(), 0);
  OK(cudaFree(first));
  OK(cudaFree(second));
  CHECK_EQ(free_memory(), 8 * kMiB);
}

TEST_CASE("a pool keeps what it was given up to its threshold") {
  const Clean clean;
  use_own_device();
  emulation::config().memory_bytes = 64 * kMiB;
  const Stream stream;
  const cudaMemPool_t pool = make_pool(kOwnDevice);
  void* memory = nullptr;
  OK(cudaMallocFromPoolAsync(&memory, 9 * kMiB, pool, stream));
  CHECK_EQ(attribute(pool, cudaMemPoolAttrUsedMemCurrent), 9 * kMiB);
  CHECK_EQ(attribute(pool, cudaMemPoolAttrReservedMemCurrent), 10 * kMiB);
  CHECK_EQ(free_memory(), 54 * kMiB);
  OK(cudaFreeAsync(memory, stream));
  stream.wait();  // with a threshold of 0 this gives everything back
  CHECK_EQ(attribute(pool, cudaMemPoolAttrReservedMemCurrent), 0);
  CHECK_EQ(free_memory(), 64 * kMiB);

  keep_all(pool);
  OK(cudaMallocFromPoolAsync(&memory, 20 * kMiB, pool, stream));
  OK(cudaFreeAsync(memory, stream));
  stream.wait();
  CHECK_EQ(attribute(pool, cudaMemPoolAttrUsedMemCurrent), 0);
  CHECK_EQ(attribute(pool, cudaMemPoolAttrUsedMemHigh), 20 * kMiB);
  CHECK_EQ(attribute(pool, cudaMemPoolAttrReservedMemCurrent), 20 * kMiB);
  CHECK_EQ(free_memory(), 44 * kMiB);
  CHECK_EQ(cudaMalloc(&memory, 45 * kMiB), cudaErrorMemoryAllocation);
  OK(cudaMemPoolTrimTo(pool, 5 * kMiB));
  CHECK_EQ(free_memory(), 59 * kMiB);
  std::uint64_t zero = 0;
  OK(cudaMemPoolSetAttribute(pool, cudaMemPoolAttrUsedMemHigh, &zero));
  CHECK_EQ(attribute(pool, cudaMemPoolAttrUsedMemHigh), 0);
  OK(cudaMemPoolDestroy(pool));
  CHECK_EQ(free_memory(), 64 * kMiB);
  CHECK_EQ(cudaMemPoolTrimTo(pool, 0), cudaErrorInvalidValue);
}

TEST_CASE("what is freed on a stream serves it again at once, and others when it is done") {
  const Clean clean;
  emulation::config().memory_bytes = 16 * kMiB;
  const Stream first;
  const Stream second;
  const cudaMemPool_t pool = make_pool();
  keep_all(pool);
  int no = 0;
  OK(cudaMemPoolSetAttribute(pool, cudaMemPoolReuseAllowInternalDependencies, &no));
  std::atomic<bool> open{false};
  void* memory = nullptr;
  OK(cudaMallocFromPoolAsync(&memory, 12 * kMiB, pool, first));
  OK(emulation::enqueue(first, [&open] {
    while (!open.load()) std::this_thread::yield();
  }));
  OK(cudaMemsetAsync(memory, 1, 12 * kMiB, first));
  OK(cudaFreeAsync(memory, first));
  CHECK_EQ(cudaMemsetAsync(memory, 1, 1, first), cudaErrorInvalidValue);
  void* again = nullptr;
  OK(cudaMallocFromPoolAsync(&again, 11 * kMiB, pool, first));
  CHECK_EQ(again, memory);
  CHECK_EQ(emulation::live().device_allocations, 1);
  CHECK_EQ(emulation::live().device_bytes, 11 * kMiB);
  OK(cudaFreeAsync(again, first));
  CHECK_EQ(cudaMallocFromPoolAsync(&memory, 12 * kMiB, pool, second), cudaErrorMemoryAllocation);

  SUBCASE("it waits on the stream where the pool may") {
    int yes = 1;
    OK(cudaMemPoolSetAttribute(pool, cudaMemPoolReuseAllowInternalDependencies, &yes));
    OK(cudaMallocFromPoolAsync(&memory, 10 * kMiB, pool, second));
    CHECK_EQ(memory, again);
    CHECK_EQ(cudaStreamQuery(second), cudaErrorNotReady);
    open.store(true);
    second.wait();
  }
  SUBCASE("it is there when the free has been done") {
    open.store(true);
    first.wait();
    OK(cudaMallocFromPoolAsync(&memory, 12 * kMiB, pool, second));
  }
  OK(cudaMemsetAsync(memory, 2, 10 * kMiB, second));
  OK(cudaFreeAsync(memory, second));
  second.wait();
  first.wait();
  OK(cudaMemPoolDestroy(pool));
  CHECK_EQ(emulation::live().device_allocations, 0);
}

TEST_CASE("a free and an allocation that two threads put on one stream") {
  constexpr int kBlocks = 64;
  constexpr std::size_t kBytes = 256;
  const Stream stream;
  unsigned char* host = nullptr;
  OK(cudaMallocHost(&host, kBlocks * kBytes));
  int wrong = 0;
  for (int round = 0; round < 1000; ++round) {
    std::vector<void*> old(kBlocks);
    std::vector<void*> fresh(kBlocks);
    for (void*& block : old) OK(cudaMallocAsync(&block, kBytes, stream));
    std::atomic<int> ready{0};
    const auto together = [&] {
      for (++ready; ready < 2;) std::this_thread::yield();
    };
    std::thread frees([&] {
      together();
      for (void* block : old) cudaFreeAsync(block, stream);
    });
    together();
    for (void*& block : fresh) cudaMallocAsync(&block, kBytes, stream);
    for (void* block : fresh) cudaMemsetAsync(block, 7, kBytes, stream);
    frees.join();
    for (int i = 0; i < kBlocks; ++i) {
      OK(cudaMemcpyAsync(host + i * kBytes, fresh[i], kBytes, cudaMemcpyDeviceToHost, stream));
    }
    stream.wait();
    wrong +=
        static_cast<int>(std::count_if(host, host + kBlocks * kBytes, [](unsigned char byte) { return byte != 7; }));
    for (void* block : fresh) OK(cudaFreeAsync(block, stream));
  }
  OK(cudaFreeHost(host));
  CHECK_EQ(wrong, 0);
}

TEST_CASE("allocations from the default pool, freed by either call") {
  const Clean clean;
  const Stream stream;
  int* memory = nullptr;
  OK(cudaMallocAsync(&memory, 4096, stream));
  std::vector<int> host(1024, 7);
  OK(cudaMemcpyAsync(memory, host.data(), 4096, cudaMemcpyHostToDevice, stream));
  OK(cudaFree(memory));
  CHECK_EQ(emulation::live().device_allocations, 0);
  OK(cudaMalloc(&memory, 16));
  CHECK_EQ(cudaFreeAsync(memory, stream), cudaErrorInvalidValue);  // not from a pool
  OK(cudaFree(memory));
}

TEST_CASE("many allocations on several streams, with delays") {
  const Clean clean;
  const emulation::Live before = emulation::live();
  emulation::config().delay_seed = 11;
  emulation::config().memory_bytes = 32 * kMiB;
  std::vector<std::thread> threads;
  std::atomic<int> wrong{0};
  for (unsigned lane = 0; lane < 3; ++lane) {
    threads.emplace_back([lane, &wrong] {
      cudaStream_t stream = nullptr;
      if (cudaStreamCreateWithFlags(&stream, cudaStreamNonBlocking) != cudaSuccess) ++wrong;
      for (unsigned turn = 0; turn < 40; ++turn) {
        const std::size_t bytes = 1000 + (turn * 7919 + lane * 104729) % 100000;
        unsigned char* memory = nullptr;
        std::vector<unsigned char> host(bytes);
        if (cudaMallocAsync(&memory, bytes, stream) != cudaSuccess) ++wrong;
        if (cudaMemsetAsync(memory, static_cast<int>(turn + lane), bytes, stream) != cudaSuccess) ++wrong;
        if (turn % 4 == 0 && cudaMemcpyAsync(host.data(), memory, bytes, cudaMemcpyDeviceToHost, stream) != cudaSuccess)
          ++wrong;
        if (turn % 4 == 0 && std::count(host.begin(), host.end(), static_cast<unsigned char>(turn + lane)) !=
                                 static_cast<std::ptrdiff_t>(bytes))
          ++wrong;
        if (cudaFreeAsync(memory, stream) != cudaSuccess) ++wrong;
      }
      if (cudaStreamSynchronize(stream) != cudaSuccess || cudaStreamDestroy(stream) != cudaSuccess) ++wrong;
    });
  }
  for (std::thread& thread : threads) thread.join();
  CHECK_EQ(wrong, 0);
  CHECK_EQ(emulation::live(), before);
}
