// Allocations: cudaMalloc and what belongs to streams, and pinned host memory.
//
// A free on a stream happens when the stream comes to it. Until then the block can already go to a new allocation: on
// the same stream at once, on another one only when memory is short, and then the new allocation's stream waits for the
// free, as CUDA does with its internal dependencies (where the pool allows them).
#include <algorithm>
#include <chrono>
#include <cstdlib>
#include <cstring>
#include <memory>
#include <utility>

#include "runtime/address_space.h"
#include "runtime/faults.h"
#include "runtime/fiber_pool.h"
#include "runtime/graphs.h"
#include "runtime/pools.h"
#include "runtime/state.h"
#include "runtime/streams.h"

namespace emulation {

namespace {

constexpr std::chrono::milliseconds kPatience{5000};
constexpr std::size_t kHostAlignment = 512;
constexpr std::size_t kInternalDependencies =
    cudaMemPoolReuseAllowInternalDependencies - cudaMemPoolReuseFollowEventDependencies;

void* as_pointer(const Block& block) { return reinterpret_cast<void*>(block.address); }  // NOLINT

// Under the lock, like all that follow up to the next remark.
void forget(const Allocation& allocation) {
  give_region(*allocation.device, allocation.block);
  if (allocation.pool != nullptr)
    unuse_bytes(*allocation.pool, allocation.bytes);
  else
    allocation.device->direct_bytes -= counted_bytes(allocation.bytes);
}

// Makes an allocation from memory that nobody has.
bool allocate(Device& device, std::shared_ptr<CUmemPoolHandle_st> pool, std::size_t bytes, Allocation& made) {
  if (bytes > config().memory_bytes) return false;
  if (pool == nullptr && counted_bytes(bytes) > free_bytes(device)) return false;
  wake_fibers_if_nothing_lives();
  if (!take_region(device, bytes, made.block)) return false;
  if (pool != nullptr && !use_bytes(*pool, bytes)) {
    give_region(device, made.block);
    return false;
  }
  if (pool == nullptr) device.direct_bytes += counted_bytes(bytes);
  made.bytes = bytes;
  made.device = &device;
  made.pool = std::move(pool);
  return true;
}

// The smallest block that is being freed and is large enough: of this stream, or with `others`, of any other.
std::shared_ptr<PendingFree> find_pending(const CUstream_st& stream, const CUmemPoolHandle_st& pool, std::size_t bytes,
                                          bool others) {
  std::shared_ptr<PendingFree> best;
  for (const auto& pending : state().pending_frees) {
    const Block& block = pending->allocation.block;
    if (pending->taken || pending->allocation.pool.get() != &pool || block.capacity < bytes) continue;
    if ((pending->stream == &stream) == others) continue;
    if (best == nullptr || block.capacity < best->allocation.block.capacity) best = pending;
  }
  return best;
}

bool take_pending(PendingFree& pending, std::size_t bytes, Allocation& made) {
  // The accounts change hands now, the bytes when the new allocation's stream comes to it.
  unuse_bytes(*pending.allocation.pool, pending.allocation.bytes);
  if (!use_bytes(*pending.allocation.pool, bytes)) {
    use_bytes(*pending.allocation.pool, pending.allocation.bytes);
    return false;
  }
  pending.taken = true;
  made = pending.allocation;
  made.bytes = bytes;
  return true;
}

bool frees_pending(const CUmemPoolHandle_st& pool) {
  const auto& frees = state().pending_frees;
  return std::any_of(frees.begin(), frees.end(), [&](const auto& pending) {
    return !pending->taken && pending->allocation.pool->device == pool.device;
  });
}

// Not under the lock, like what follows.
cudaError_t allocate_for_graph(CUstream_st& stream, std::shared_ptr<CUmemPoolHandle_st> pool, std::size_t bytes,
                               void** result) {
  Block block;
  {
    const Quiet quiet;
    Allocation made;
    if (!allocate(*stream.device, std::move(pool), bytes, made)) return cudaErrorMemoryAllocation;
    block = made.block;
    state().allocations.emplace(block.address, std::move(made));
    stream.capture->memory.push_back(as_pointer(block));
  }
  begin_life(block, bytes);
  *result = as_pointer(block);
  return cudaSuccess;
}

cudaError_t allocate_on_stream(CUstream_st& stream, std::shared_ptr<CUmemPoolHandle_st> pool, std::size_t bytes,
                               void** result) {
  if (bytes == 0) {
    *result = nullptr;
    return cudaSuccess;
  }
  Allocation made;
  auto op = std::make_unique<Op>();
  bool captures = false;
  {
    Quiet quiet;
    captures = stream.capture != nullptr;
  }
  if (captures) return allocate_for_graph(stream, std::move(pool), bytes, result);
  {
    Quiet quiet;
    // When all else fails, what is being freed may be enough together.
    const auto obtain = [&] {
      if (const auto own = find_pending(stream, *pool, bytes, false); own != nullptr && take_pending(*own, bytes, made))
        return true;
      if (allocate(*pool->device, pool, bytes, made)) return true;
      if (pool->reuse[kInternalDependencies] == 0) return false;
      const auto other = find_pending(stream, *pool, bytes, true);
      if (other == nullptr || !take_pending(*other, bytes, made)) return false;
      op->wait = other->executed;
      return true;
    };
    bool obtained = obtain();
    if (!obtained && pool->reuse[kInternalDependencies] != 0 && frees_pending(*pool)) {
      quiet.wait_for(state().changed, kPatience, [&] { return !frees_pending(*pool); });
      obtained = obtain();
    }
    pool.reset();
    if (!obtained) return cudaErrorMemoryAllocation;
    *result = as_pointer(made.block);
    op->work = [block = made.block, bytes] { begin_life(block, bytes); };
    state().allocations.emplace(made.block.address, std::move(made));
  }
  op->always = true;
  submit(stream, std::move(op));
  return cudaSuccess;
}

// The addresses of an allocation that ends, by its exact pointer; under the lock.
bool remove_allocation(const void* pointer, Allocation& removed) {
  const auto found = state().allocations.find(host_address(pointer));
  if (found == state().allocations.end()) return false;
  removed = std::move(found->second);
  state().allocations.erase(found);
  return true;
}

// On the stream in the moment in which an allocation of another thread can have the block: after that one's use of it, the
// free would take the block away again.
cudaError_t free_on_stream(CUstream_st& stream, const void* pointer) {
  auto op = std::make_unique<Op>();
  op->always = true;
  prepare(*op);
  const Quiet quiet;
  const auto found = state().allocations.find(host_address(pointer));
  if (found == state().allocations.end() || found->second.pool == nullptr) return cudaErrorInvalidValue;
  if (stream.capture != nullptr) {
    if (belongs_to(*stream.capture, pointer)) return cudaSuccess;  // with the graph
    stream.capture->valid = false;
    return cudaErrorStreamCaptureUnsupported;
  }
  auto pending = std::make_shared<PendingFree>();
  remove_allocation(pointer, pending->allocation);
  pending->stream = &stream;
  pending->executed = std::make_shared<Record>();
  op->record = pending->executed;
  PendingFree* raw = pending.get();
  op->work = [raw] {
    // The list holds it until here; its numbers do not change any more.
    Block block;
    std::size_t bytes = 0;
    // Of a device that has failed nobody waits for what its other streams are in the middle of.
    bool has_failed = false;
    {
      const Quiet reading;
      block = raw->allocation.block;
      bytes = raw->allocation.bytes;
      has_failed = raw->stream->device->sticky != cudaSuccess;
    }
    if (!has_failed) end_life(block, bytes);
    const Quiet leaving;
    if (!raw->taken) forget(raw->allocation);
    state().pending_frees.remove_if([raw](const auto& entry) { return entry.get() == raw; });
  };
  state().pending_frees.push_back(std::move(pending));
  append(stream, std::move(op));
  return cudaSuccess;
}

cudaError_t allocate_pinned(void** result, std::size_t bytes) {
  if (result == nullptr) return cudaErrorInvalidValue;
  *result = nullptr;
  if (bytes == 0) return cudaSuccess;
  const std::size_t size = (bytes + kHostAlignment - 1) / kHostAlignment * kHostAlignment;
  void* memory = std::aligned_alloc(kHostAlignment, size);
  if (memory == nullptr) return cudaErrorMemoryAllocation;
  poison(static_cast<char*>(memory) + bytes, size - bytes);
  const Quiet quiet;
  wake_fibers_if_nothing_lives();
  state().pinned.emplace(reinterpret_cast<std::uintptr_t>(memory), bytes);
  *result = memory;
  return cudaSuccess;
}

}  // namespace

Live live() {
  const Quiet quiet;
  const State& all = state();
  Live now;
  for (const auto& [address, allocation] : all.allocations) {
    ++now.device_allocations;
    now.device_bytes += allocation.bytes;
  }
  for (const auto& pending : all.pending_frees) {
    if (pending->taken) continue;
    ++now.device_allocations;
    now.device_bytes += pending->allocation.bytes;
  }
  for (const auto& [address, bytes] : all.pinned) {
    ++now.pinned_allocations;
    now.pinned_bytes += bytes;
  }
  now.streams = all.streams.size();
  now.events = all.events.size();
  now.pools = all.pools.size();
  now.graphs = all.graphs.size() + all.graph_execs.size();
  return now;
}

void reclaim_orphans() {
  std::vector<Allocation> orphans;
  {
    const Quiet quiet;
    for (const auto& [address, allocation] : state().allocations) {
      const bool orphan = allocation.pool != nullptr && !state().pools.contains(allocation.pool.get());
      if (orphan && allocation.device->sticky != cudaSuccess) orphans.push_back(allocation);
    }
    for (auto at = state().pending_frees.begin(); at != state().pending_frees.end();) {
      const auto next = std::next(at);
      const PendingFree& pending = **at;
      if (pending.allocation.device->sticky != cudaSuccess) {
        if (!pending.taken) orphans.push_back(pending.allocation);
        state().pending_frees.erase(at);
      }
      at = next;
    }
  }
  for (Allocation& orphan : orphans) {
    {
      const Quiet quiet;
      state().allocations.erase(orphan.block.address);
    }
    end_life(orphan.block, orphan.bytes);
    const Quiet quiet;
    forget(orphan);
    orphan.pool.reset();
  }
}

}  // namespace emulation

using emulation::Quiet;
using emulation::state;

extern "C" {

cudaError_t cudaMalloc(void** devPtr, std::size_t size) {
  return emulation::device_call("cudaMalloc", [&](emulation::Device& device) {
    if (devPtr == nullptr) return cudaErrorInvalidValue;
    *devPtr = nullptr;
    if (size == 0) return cudaSuccess;
    if (emulation::spoils_capture(device)) return cudaErrorStreamCaptureUnsupported;
    emulation::Block block;
    {
      const Quiet quiet;
      emulation::Allocation made;
      if (!emulation::allocate(device, nullptr, size, made)) return cudaErrorMemoryAllocation;
      block = made.block;
      state().allocations.emplace(block.address, std::move(made));
    }
    emulation::begin_life(block, size);
    *devPtr = emulation::as_pointer(block);
    return cudaSuccess;
  });
}

// Waits for the whole device first, as CUDA does.
cudaError_t cudaFree(void* devPtr) {
  return emulation::releasing_call("cudaFree", [&](emulation::Device&) {
    if (devPtr == nullptr) return cudaSuccess;
    emulation::Device* device = nullptr;
    {
      const Quiet quiet;
      const auto found = state().allocations.find(emulation::host_address(devPtr));
      if (found == state().allocations.end()) return cudaErrorInvalidValue;
      device = found->second.device;
    }
    emulation::wait_for_device(*device);
    emulation::Block block;
    std::size_t bytes = 0;
    emulation::Allocation removed;
    {
      const Quiet quiet;
      if (!emulation::remove_allocation(devPtr, removed)) return cudaErrorInvalidValue;
      block = removed.block;
      bytes = removed.bytes;
    }
    emulation::end_life(block, bytes);
    const Quiet quiet;
    emulation::forget(removed);
    removed.pool.reset();
    return cudaSuccess;
  });
}

cudaError_t cudaMallocAsync(void** devPtr, std::size_t size, cudaStream_t hStream) {
  return emulation::stream_call("cudaMallocAsync", hStream, [&](CUstream_st& stream) {
    if (devPtr == nullptr) return cudaErrorInvalidValue;
    std::shared_ptr<CUmemPoolHandle_st> pool;
    {
      const Quiet quiet;
      pool = stream.device->current_pool;
    }
    return emulation::allocate_on_stream(stream, std::move(pool), size, devPtr);
  });
}

cudaError_t cudaMallocFromPoolAsync(void** ptr, std::size_t size, cudaMemPool_t memPool, cudaStream_t hStream) {
  return emulation::stream_call("cudaMallocFromPoolAsync", hStream, [&](CUstream_st& stream) {
    if (ptr == nullptr) return cudaErrorInvalidValue;
    std::shared_ptr<CUmemPoolHandle_st> pool;
    {
      const Quiet quiet;
      const auto found = state().pools.find(memPool);
      if (found != state().pools.end())
        pool = found->second;
      else if (memPool != nullptr && memPool == stream.device->default_pool.get())
        pool = stream.device->default_pool;
      if (pool == nullptr || pool->device != stream.device) return cudaErrorInvalidValue;
    }
    return emulation::allocate_on_stream(stream, std::move(pool), size, ptr);
  });
}

// Also on a device that has failed; there the memory is given back all the same.
cudaError_t cudaFreeAsync(void* devPtr, cudaStream_t hStream) {
  return emulation::releasing_call("cudaFreeAsync", [&](emulation::Device&) {
    const emulation::HeldStream stream(hStream);
    if (!stream) return cudaErrorInvalidResourceHandle;
    const cudaError_t error = emulation::free_on_stream(*stream, devPtr);
    return error != cudaSuccess ? error : emulation::sticky_error(*stream->device);
  });
}

cudaError_t cudaHostAlloc(void** pHost, std::size_t size, unsigned int) {
  return emulation::device_call("cudaHostAlloc",
                                [&](emulation::Device&) { return emulation::allocate_pinned(pHost, size); });
}

cudaError_t cudaMallocHost(void** ptr, std::size_t size) {
  return emulation::device_call("cudaMallocHost",
                                [&](emulation::Device&) { return emulation::allocate_pinned(ptr, size); });
}

// It does not wait for the device: a copy that still uses the memory is an error, and AddressSanitizer's to report. But
// a device that failed does nothing any more, and whoever was told so need not wait for it.
cudaError_t cudaFreeHost(void* ptr) {
  return emulation::releasing_call("cudaFreeHost", [&](emulation::Device& device) {
    if (ptr == nullptr) return cudaSuccess;
    if (emulation::sticky(device.ordinal) != cudaSuccess) emulation::wait_for_device(device);
    {
      const Quiet quiet;
      if (state().pinned.erase(reinterpret_cast<std::uintptr_t>(ptr)) == 0) return cudaErrorInvalidValue;
    }
    std::free(ptr);
    return cudaSuccess;
  });
}

cudaError_t cudaHostGetDevicePointer(void** pDevice, void* pHost, unsigned int) {
  return emulation::device_call("cudaHostGetDevicePointer", [&](emulation::Device&) {
    cudaPointerAttributes attributes;
    const cudaError_t error = cudaPointerGetAttributes(&attributes, pHost);
    if (error != cudaSuccess || attributes.type != cudaMemoryTypeHost) return cudaErrorInvalidValue;
    *pDevice = pHost;
    return cudaSuccess;
  });
}

cudaError_t cudaPointerGetAttributes(cudaPointerAttributes* attributes, const void* ptr) {
  return emulation::plain_call("cudaPointerGetAttributes", [&] {
    if (attributes == nullptr) return cudaErrorInvalidValue;
    *attributes = {};
    attributes->device = -2;
    const Quiet quiet;
    void* pointer = const_cast<void*>(ptr);
    if (const emulation::Allocation* found = emulation::find_allocation(ptr, 0)) {
      attributes->type = cudaMemoryTypeDevice;
      attributes->device = found->device->ordinal;
      attributes->devicePointer = pointer;
    } else if (emulation::is_pinned(ptr, 0)) {
      attributes->type = cudaMemoryTypeHost;
      attributes->device = emulation::current_device();
      attributes->devicePointer = pointer;
      attributes->hostPointer = pointer;
    } else {
      attributes->type = cudaMemoryTypeUnregistered;
      attributes->hostPointer = pointer;
    }
    return cudaSuccess;
  });
}
}
