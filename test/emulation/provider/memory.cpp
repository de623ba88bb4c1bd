#include "provider/memory.h"

#include <map>
#include <mutex>
#include <set>

namespace emulated_provider {
namespace {

// What was taken on a stream is given back there, as long as that stream lives.
struct Streams {
  std::mutex mutex;  // guards what follows
  std::set<cudaStream_t> alive;
  std::map<void*, cudaStream_t> taken_on;
  std::set<void*> of_graphs;
};

Streams& streams() {
  static auto* const all = new Streams;
  return *all;
}

thread_local std::vector<void*>* taken_for_graph = nullptr;

int device_of(const MemoryInfo* info) {
  return static_cast<int>(ort().MemoryDevice_GetDeviceId(ort().MemoryInfo_GetMemoryDevice(info)));
}

struct Allocator final : AllocatorTable {
  explicit Allocator(const MemoryInfo* of) : AllocatorTable{}, info(of), device(device_of(of)) {
    version = kApiVersion;
    Alloc = [](AllocatorTable* self, std::size_t bytes) { return static_cast<Allocator*>(self)->take(bytes, nullptr); };
    AllocOnStream = [](AllocatorTable* self, std::size_t bytes, SyncStream* stream) {
      auto* on = stream == nullptr ? nullptr : static_cast<cudaStream_t>(ort().SyncStream_GetHandle(stream));
      return static_cast<Allocator*>(self)->take(bytes, on);
    };
    Free = [](AllocatorTable* self, void* memory) { static_cast<Allocator*>(self)->give_back(memory); };
    Info = [](const AllocatorTable* self) { return static_cast<const Allocator*>(self)->info; };
  }

  // Null where there is no more, which the runtime does not look at: see copy() and Run::output().
  [[nodiscard]] void* take(std::size_t bytes, cudaStream_t stream) const noexcept {
    if (bytes == 0) return nullptr;
    void* memory = nullptr;
    cudaError_t error = cudaSetDevice(device);
    if (error == cudaSuccess) {
      error = stream == nullptr ? cudaMalloc(&memory, bytes) : cudaMallocAsync(&memory, bytes, stream);
    }
    if (error != cudaSuccess) {
      static_cast<void>(cudaGetLastError());
      return nullptr;
    }
    if (stream == nullptr) return memory;
    const std::lock_guard lock(streams().mutex);
    if (taken_for_graph == nullptr) {
      streams().taken_on[memory] = stream;
    } else {
      taken_for_graph->push_back(memory);
      streams().of_graphs.insert(memory);
    }
    return memory;
  }

  // Also on a device that has failed, where nothing is left to do about it.
  void give_back(void* memory) const noexcept {
    if (memory == nullptr) return;
    static_cast<void>(cudaSetDevice(device));
    const std::lock_guard lock(streams().mutex);
    if (streams().of_graphs.contains(memory)) return;
    const auto taken = streams().taken_on.find(memory);
    cudaStream_t stream = nullptr;
    if (taken != streams().taken_on.end()) {
      if (streams().alive.contains(taken->second)) stream = taken->second;
      streams().taken_on.erase(taken);
    }
    if (stream == nullptr || cudaFreeAsync(memory, stream) != cudaSuccess) static_cast<void>(cudaFree(memory));
    static_cast<void>(cudaGetLastError());
  }

  const MemoryInfo* info;
  int device;
};

bool is_ours(const MemoryDevice* memory) {
  return ort().MemoryDevice_GetVendorId(memory) == kVendor && ort().MemoryDevice_GetDeviceType(memory) == kGpu;
}

bool is_host(const MemoryDevice* memory) { return ort().MemoryDevice_GetDeviceType(memory) != kGpu; }

void copy(const Value* from, Value* to, SyncStream* stream) {
  std::size_t bytes = 0;
  const void* source = nullptr;
  void* target = nullptr;
  check(ort().GetTensorSizeInBytes(from, &bytes));
  if (bytes == 0) return;
  check(ort().GetTensorData(from, &source));
  check(ort().GetTensorMutableData(to, &target));
  if (source == nullptr || target == nullptr) throw Failure("Failed to allocate memory for a tensor that is copied");
  const MemoryDevice* there = ort().Value_GetMemoryDevice(to);
  use_device_of(is_ours(there) ? there : ort().Value_GetMemoryDevice(from));
  if (stream == nullptr) {
    check(cudaMemcpy(target, source, bytes, cudaMemcpyDefault), "cudaMemcpy");
  } else {
    auto* on = static_cast<cudaStream_t>(ort().SyncStream_GetHandle(stream));
    check(cudaMemcpyAsync(target, source, bytes, cudaMemcpyDefault, on), "cudaMemcpyAsync");
  }
}

struct DataTransfer final : DataTransferTable {
  DataTransfer() : DataTransferTable{} {
    version = kApiVersion;
    Release = [](DataTransferTable* self) { delete static_cast<DataTransfer*>(self); };
    CanCopy = [](const DataTransferTable*, const MemoryDevice* from, const MemoryDevice* to) {
      return (is_ours(from) && (is_ours(to) || is_host(to))) || (is_host(from) && is_ours(to));
    };
    CopyTensors = [](DataTransferTable*, const Value** from, Value** to, SyncStream** on, std::size_t count) {
      return guarded([&] {
        for (std::size_t i = 0; i < count; ++i) copy(from[i], to[i], on == nullptr ? nullptr : on[i]);
      });
    };
  }
};

}  // namespace

int use_device_of(const MemoryDevice* memory) {
  const auto device = static_cast<int>(ort().MemoryDevice_GetDeviceId(memory));
  check(cudaSetDevice(device), "cudaSetDevice");
  return device;
}

AllocatorTable* make_allocator(const MemoryInfo* info) { return new Allocator(info); }

void release_allocator(AllocatorTable* allocator) noexcept { delete static_cast<Allocator*>(allocator); }

DataTransferTable* make_data_transfer() { return new DataTransfer; }

void take_for_graph(std::vector<void*>* taken) noexcept { taken_for_graph = taken; }

void forget_memory(const std::vector<void*>& taken) noexcept {
  const std::lock_guard lock(streams().mutex);
  for (void* memory : taken) streams().of_graphs.erase(memory);
}

void remember_stream(cudaStream_t stream) {
  const std::lock_guard lock(streams().mutex);
  streams().alive.insert(stream);
}

void forget_stream(cudaStream_t stream) noexcept {
  const std::lock_guard lock(streams().mutex);
  streams().alive.erase(stream);
}

}  // namespace emulated_provider
