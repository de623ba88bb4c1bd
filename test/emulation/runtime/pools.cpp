#include "runtime/pools.h"

#include <algorithm>
#include <memory>
#include <utility>

#include "runtime/faults.h"

namespace emulation {

namespace {

constexpr std::size_t kGranularity = 512;                   // of an allocation
constexpr std::size_t kReservation = std::size_t{2} << 20;  // of what a pool takes from its device

std::size_t rounded(std::size_t bytes, std::size_t to) { return (bytes + to - 1) / to * to; }

void shrink(CUmemPoolHandle_st& pool, std::size_t keep) {
  pool.reserved = std::min(pool.reserved, std::max(rounded(pool.used, kReservation), keep));
}

// Under the lock.
std::shared_ptr<CUmemPoolHandle_st> find_pool(cudaMemPool_t handle) {
  State& all = state();
  const auto found = all.pools.find(handle);
  if (found != all.pools.end()) return found->second;
  for (const auto& device : all.devices)
    if (device != nullptr && device->default_pool.get() == handle) return device->default_pool;
  return nullptr;
}

cudaError_t set_attribute(CUmemPoolHandle_st& pool, cudaMemPoolAttr attribute, const void* value) {
  switch (attribute) {
    case cudaMemPoolReuseFollowEventDependencies:
    case cudaMemPoolReuseAllowOpportunistic:
    case cudaMemPoolReuseAllowInternalDependencies:
      pool.reuse[attribute - cudaMemPoolReuseFollowEventDependencies] = *static_cast<const int*>(value);
      return cudaSuccess;
    case cudaMemPoolAttrReleaseThreshold:
      pool.release_threshold = *static_cast<const std::uint64_t*>(value);
      return cudaSuccess;
    case cudaMemPoolAttrReservedMemHigh:
    case cudaMemPoolAttrUsedMemHigh:
      // The high-water marks can only be put back to what is the case now.
      if (*static_cast<const std::uint64_t*>(value) != 0) return cudaErrorInvalidValue;
      (attribute == cudaMemPoolAttrUsedMemHigh ? pool.used_high : pool.reserved_high) =
          attribute == cudaMemPoolAttrUsedMemHigh ? pool.used : pool.reserved;
      return cudaSuccess;
    default:
      return cudaErrorInvalidValue;
  }
}

cudaError_t get_attribute(const CUmemPoolHandle_st& pool, cudaMemPoolAttr attribute, void* value) {
  auto* number = static_cast<std::uint64_t*>(value);
  switch (attribute) {
    case cudaMemPoolReuseFollowEventDependencies:
    case cudaMemPoolReuseAllowOpportunistic:
    case cudaMemPoolReuseAllowInternalDependencies:
      *static_cast<int*>(value) = pool.reuse[attribute - cudaMemPoolReuseFollowEventDependencies];
      return cudaSuccess;
    case cudaMemPoolAttrReleaseThreshold:
      *number = pool.release_threshold;
      return cudaSuccess;
    case cudaMemPoolAttrReservedMemCurrent:
      *number = pool.reserved;
      return cudaSuccess;
    case cudaMemPoolAttrReservedMemHigh:
      *number = pool.reserved_high;
      return cudaSuccess;
    case cudaMemPoolAttrUsedMemCurrent:
      *number = pool.used;
      return cudaSuccess;
    case cudaMemPoolAttrUsedMemHigh:
      *number = pool.used_high;
      return cudaSuccess;
  }
  return cudaErrorInvalidValue;
}

}  // namespace

std::size_t counted_bytes(std::size_t bytes) { return rounded(bytes, kGranularity); }

std::size_t free_bytes(const Device& device) {
  std::size_t taken = device.direct_bytes;
  for (const CUmemPoolHandle_st* pool : device.pools) taken += pool->reserved;
  return config().memory_bytes - std::min(taken, config().memory_bytes);
}

bool use_bytes(CUmemPoolHandle_st& pool, std::size_t bytes) {
  const std::size_t used = pool.used + counted_bytes(bytes);
  if (pool.max_bytes != 0 && used > pool.max_bytes) return false;
  if (used > pool.reserved) {
    const std::size_t available = pool.reserved + free_bytes(*pool.device);
    if (used > available) return false;
    // The last of a device's memory may be less than a full step.
    pool.reserved = std::min(rounded(used, kReservation), available);
  }
  pool.used = used;
  pool.used_high = std::max(pool.used_high, pool.used);
  pool.reserved_high = std::max(pool.reserved_high, pool.reserved);
  return true;
}

void unuse_bytes(CUmemPoolHandle_st& pool, std::size_t bytes) { pool.used -= counted_bytes(bytes); }

void trim_pools(Device& device) {
  for (CUmemPoolHandle_st* pool : device.pools)
    if (pool->reserved > pool->release_threshold) shrink(*pool, pool->release_threshold);
}

}  // namespace emulation

using emulation::plain_call;
using emulation::Quiet;
using emulation::state;

extern "C" {

cudaError_t cudaMemPoolCreate(cudaMemPool_t* memPool, const cudaMemPoolProps* poolProps) {
  return emulation::device_call("cudaMemPoolCreate", [&](emulation::Device&) {
    if (memPool == nullptr || poolProps == nullptr || poolProps->allocType != cudaMemAllocationTypePinned ||
        poolProps->location.type != cudaMemLocationTypeDevice)
      return cudaErrorInvalidValue;
    const Quiet quiet;
    emulation::Device* device = emulation::find_device(poolProps->location.id);
    if (device == nullptr) return cudaErrorInvalidValue;
    auto pool = std::make_shared<CUmemPoolHandle_st>(*device);
    pool->max_bytes = poolProps->maxSize;
    device->pools.insert(pool.get());
    *memPool = pool.get();
    state().pools.emplace(pool.get(), std::move(pool));
    return cudaSuccess;
  });
}

// Allocations that are left keep what is behind the handle until they are freed.
cudaError_t cudaMemPoolDestroy(cudaMemPool_t memPool) {
  return emulation::releasing_call("cudaMemPoolDestroy", [&](emulation::Device&) {
    const Quiet quiet;
    const auto found = state().pools.find(memPool);
    if (found == state().pools.end()) return cudaErrorInvalidValue;
    emulation::Device& device = *found->second->device;
    if (device.current_pool == found->second) device.current_pool = device.default_pool;
    found->second->release_threshold = 0;
    emulation::shrink(*found->second, 0);
    state().pools.erase(found);
    return cudaSuccess;
  });
}

cudaError_t cudaMemPoolSetAttribute(cudaMemPool_t memPool, cudaMemPoolAttr attr, void* value) {
  return plain_call("cudaMemPoolSetAttribute", [&] {
    const Quiet quiet;
    const auto pool = emulation::find_pool(memPool);
    if (pool == nullptr || value == nullptr) return cudaErrorInvalidValue;
    return emulation::set_attribute(*pool, attr, value);
  });
}

cudaError_t cudaMemPoolGetAttribute(cudaMemPool_t memPool, cudaMemPoolAttr attr, void* value) {
  return plain_call("cudaMemPoolGetAttribute", [&] {
    const Quiet quiet;
    const auto pool = emulation::find_pool(memPool);
    if (pool == nullptr || value == nullptr) return cudaErrorInvalidValue;
    return emulation::get_attribute(*pool, attr, value);
  });
}

cudaError_t cudaMemPoolTrimTo(cudaMemPool_t memPool, std::size_t minBytesToKeep) {
  return emulation::device_call("cudaMemPoolTrimTo", [&](emulation::Device&) {
    const Quiet quiet;
    const auto pool = emulation::find_pool(memPool);
    if (pool == nullptr) return cudaErrorInvalidValue;
    emulation::shrink(*pool, minBytesToKeep);
    return cudaSuccess;
  });
}

cudaError_t cudaDeviceGetDefaultMemPool(cudaMemPool_t* memPool, int device) {
  return plain_call("cudaDeviceGetDefaultMemPool", [&] {
    const Quiet quiet;
    const emulation::Device* found = emulation::find_device(device);
    if (found == nullptr) return cudaErrorInvalidDevice;
    if (memPool == nullptr) return cudaErrorInvalidValue;
    *memPool = found->default_pool.get();
    return cudaSuccess;
  });
}

cudaError_t cudaDeviceGetMemPool(cudaMemPool_t* memPool, int device) {
  return plain_call("cudaDeviceGetMemPool", [&] {
    const Quiet quiet;
    const emulation::Device* found = emulation::find_device(device);
    if (found == nullptr) return cudaErrorInvalidDevice;
    if (memPool == nullptr) return cudaErrorInvalidValue;
    *memPool = found->current_pool.get();
    return cudaSuccess;
  });
}

cudaError_t cudaDeviceSetMemPool(int device, cudaMemPool_t memPool) {
  return plain_call("cudaDeviceSetMemPool", [&] {
    const Quiet quiet;
    emulation::Device* found = emulation::find_device(device);
    const auto pool = emulation::find_pool(memPool);
    if (found == nullptr) return cudaErrorInvalidDevice;
    if (pool == nullptr || pool->device != found) return cudaErrorInvalidValue;
    found->current_pool = pool;
    return cudaSuccess;
  });
}

cudaError_t cudaMemGetInfo(std::size_t* free, std::size_t* total) {
  return emulation::device_call("cudaMemGetInfo", [&](emulation::Device& device) {
    if (free == nullptr || total == nullptr) return cudaErrorInvalidValue;
    const Quiet quiet;
    *free = emulation::free_bytes(device);
    *total = emulation::config().memory_bytes;
    return cudaSuccess;
  });
}
}
