#include "cuda/memory/stranded.h"

#include <utility>

namespace tensorlane::cuda {

void Stranded::add(void* memory, std::size_t bytes, MemoryKind kind) noexcept {
  const std::lock_guard lock(mutex_);
  try {
    all_.push_back({memory, bytes, kind});
  } catch (...) {
    // No memory to remember it by: it is the pool's until the process ends, and counts as used.
  }
}

bool Stranded::free_one(const One& one) noexcept {
  cudaError_t error = cudaFree(one.memory);
  if (error != cudaSuccess && !is_sticky(error)) error = cudaFree(one.memory);
  health_.note(error, "cudaFree");
  if (error == cudaSuccess) account_.give_back(one.bytes, one.kind);
  return error == cudaSuccess;
}

void Stranded::release() noexcept {
  // Taken before the device is waited for: what is added meanwhile may be in use beyond that.
  std::vector<One> all;
  {
    const std::lock_guard lock(mutex_);
    all.swap(all_);
  }
  if (all.empty()) return;
  cudaError_t idle = cudaDeviceSynchronize();
  if (idle != cudaSuccess && !is_sticky(idle)) idle = cudaDeviceSynchronize();
  health_.note(idle, "cudaDeviceSynchronize");
  for (const One& one : all) {
    if (idle != cudaSuccess || !free_one(one)) add(one.memory, one.bytes, one.kind);
  }
}

}  // namespace tensorlane::cuda
