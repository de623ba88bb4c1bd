// Memory pools: how much of a device's memory a pool uses and how much it holds.
//
// What is freed stays with the pool, up to its release threshold when somebody synchronises, and is missing from the
// device's free memory for as long. Addresses do not matter to this: it is accounting.
#pragma once

#include <cstddef>
#include <cstdint>

#include "runtime/state.h"

struct CUmemPoolHandle_st {
  explicit CUmemPoolHandle_st(emulation::Device& of) : device(&of) {}
  ~CUmemPoolHandle_st() { device->pools.erase(this); }
  CUmemPoolHandle_st(const CUmemPoolHandle_st&) = delete;
  CUmemPoolHandle_st& operator=(const CUmemPoolHandle_st&) = delete;

  emulation::Device* device;
  std::size_t max_bytes = 0;  // 0: as much as there is
  std::uint64_t release_threshold = 0;
  int reuse[3] = {1, 1, 1};
  std::size_t used = 0;
  std::size_t used_high = 0;
  std::size_t reserved = 0;
  std::size_t reserved_high = 0;
};

namespace emulation {

// All of these are called under the lock.
std::size_t free_bytes(const Device& device);
// False when the device has not enough.
bool use_bytes(CUmemPoolHandle_st& pool, std::size_t bytes);
void unuse_bytes(CUmemPoolHandle_st& pool, std::size_t bytes);
void trim_pools(Device& device);
// What an allocation counts for.
std::size_t counted_bytes(std::size_t bytes);

// On a device that failed: what is left of pools that are gone, because the call that failed was the one to free it,
// and what its streams did not come to free.
void reclaim_orphans();

}  // namespace emulation
