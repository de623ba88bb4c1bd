#include "cuda/memory/memory_pool.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <optional>
#include <string>

#include "core/error.h"
#include "cuda/memory/out_of_memory.h"
#include "cuda/runtime/stream.h"

namespace tensorlane::cuda {
namespace {

// What the pool may hold beyond the limit for being made of whole blocks.
constexpr std::uint64_t kRounding = std::uint64_t{64} << 20U;

// 0: none. Errors: Argument.
std::uint64_t limit_of(const MemoryOptions& options) {
  // Written so that NaN fails, too.
  if (!(options.fraction >= 0 && options.fraction <= 1)) {
    throw Error(Code::Argument, "the fraction of the device's memory is " + std::to_string(options.fraction) +
                                    "; expected a number above 0, up to 1");
  }
  std::uint64_t limit = options.limit_bytes;
  if (options.fraction > 0) {
    std::size_t free = 0;
    std::size_t total = 0;
    check(cudaMemGetInfo(&free, &total), "cudaMemGetInfo");
    const auto part = static_cast<std::uint64_t>(std::floor(options.fraction * static_cast<double>(total)));
    limit = limit == 0 ? part : std::min(limit, part);
  }
  if (!options.growth && limit == 0) {
    throw Error(Code::Argument,
                "memory is to be taken at once (no growth), but no limit says how much: give a limit or a fraction");
  }
  return limit;
}

std::optional<SystemMemory> system_memory(Health& health) noexcept {
  std::size_t free = 0;
  std::size_t total = 0;
  const cudaError_t error = cudaMemGetInfo(&free, &total);
  health.note(error, "cudaMemGetInfo");
  if (error != cudaSuccess) return std::nullopt;
  return SystemMemory{free, total};
}

}  // namespace

MemoryPool::MemoryPool(int device, const MemoryOptions& options, Health& health)
    : device_(device),
      health_(health),
      growth_(options.growth),
      account_(limit_of(options)),
      pool_(device, limit() == 0 ? std::numeric_limits<std::uint64_t>::max() : limit(), health),
      stranded_(account_, health) {
  if (!growth_) reserve_limit();
}

void MemoryPool::reserve_limit() {
  const Stream stream(false);
  void* all = allocate(stream.get(), limit(), MemoryKind::Operation);
  free(stream.get(), all, limit(), MemoryKind::Operation);
  check(cudaStreamSynchronize(stream.get()), "cudaStreamSynchronize");
  account_.forget_peak();
}

void* MemoryPool::allocate(cudaStream_t stream, std::size_t bytes, MemoryKind kind) {
  if (bytes == 0) return nullptr;
  void* memory = nullptr;
  cudaError_t error = try_allocate(stream, bytes, kind, &memory);
  if (error == cudaErrorMemoryAllocation) {
    settle();
    error = try_allocate(stream, bytes, kind, &memory);
  }
  if (error == cudaErrorMemoryAllocation) {
    throw Error(Code::OutOfMemory, out_of_memory_text(device_, bytes, stats(), system_memory(health_)));
  }
  check(error, "cudaMallocFromPoolAsync");
  stay_within_limit();
  return memory;
}

cudaError_t MemoryPool::try_allocate(cudaStream_t stream, std::size_t bytes, MemoryKind kind, void** memory) {
  if (!account_.take(bytes, kind)) return cudaErrorMemoryAllocation;
  const cudaError_t error = pool_.allocate(stream, bytes, memory);
  if (error != cudaSuccess) account_.give_back(bytes, kind);
  return error;
}

void MemoryPool::free(cudaStream_t stream, void* memory, std::size_t bytes, MemoryKind kind) noexcept {
  if (memory == nullptr) return;
  // Where the device is lost, streams wait for nothing any more: what still runs may use the memory.
  if (!health_.lost()) {
    const cudaError_t error = cudaFreeAsync(memory, stream);
    if (error == cudaSuccess) {
      account_.give_back(bytes, kind);
      return;
    }
    health_.note(error, "cudaFreeAsync");
  }
  free_later(memory, bytes, kind);
}

void MemoryPool::free_later(void* memory, std::size_t bytes, MemoryKind kind) noexcept {
  if (memory != nullptr) stranded_.add(memory, bytes, kind);
}

void MemoryPool::keep(const KeptWorkspace& workspace) noexcept {
  try {
    kept_.keep(workspace);
  } catch (...) {
    free(workspace.stream, workspace.data, workspace.bytes, MemoryKind::Workspace);
  }
}

void MemoryPool::free_kept() noexcept {
  for (const KeptWorkspace& one : kept_.take_all()) free(one.stream, one.data, one.bytes, MemoryKind::Workspace);
}

// So that what was freed is free.
void MemoryPool::settle() {
  free_kept();
  check(cudaDeviceSynchronize(), "cudaDeviceSynchronize");
  stranded_.release();
  if (growth_) check(pool_.trim(0), "cudaMemPoolTrimTo");
}

void MemoryPool::trim(std::uint64_t keep_bytes) {
  free_kept();
  check(cudaDeviceSynchronize(), "cudaDeviceSynchronize");
  stranded_.release();
  check(pool_.trim(growth_ ? keep_bytes : std::max(keep_bytes, limit())), "cudaMemPoolTrimTo");
}

void MemoryPool::trim_idle(std::uint64_t keep_bytes) noexcept {
  if (!growth_) return;
  health_.note(pool_.trim(account_.usage().used + keep_bytes), "cudaMemPoolTrimTo");
}

// The driver's pool counts what was freed but not come to yet as taken: it can for a moment hold more than the limit.
void MemoryPool::stay_within_limit() noexcept {
  if (limit() == 0 || pool_.reserved() <= limit() + kRounding) return;
  health_.note(cudaDeviceSynchronize(), "cudaDeviceSynchronize");
  health_.note(pool_.trim(limit()), "cudaMemPoolTrimTo");
}

PoolStats MemoryPool::stats() const noexcept { return {limit(), account_.usage(), pool_.reserved()}; }

}  // namespace tensorlane::cuda
