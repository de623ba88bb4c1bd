#include "cuda/memory/memory_pool.h"

#include <algorithm>
#include <cmath>
#include <cstdio>
#include <limits>
#include <numeric>

#include "core/error.h"
#include "cuda/runtime/stream.h"

namespace tensorlane::cuda {
namespace {

// What the pool may hold beyond the limit for being made of whole blocks.
constexpr std::uint64_t kRounding = std::uint64_t{64} << 20U;

}  // namespace

std::string readable_bytes(std::uint64_t bytes) {
  constexpr const char* kUnits[] = {"bytes", "KiB", "MiB", "GiB", "TiB"};
  auto amount = static_cast<double>(bytes);
  std::size_t unit = 0;
  while (amount >= 1024 && unit + 1 < std::size(kUnits)) {
    amount /= 1024;
    ++unit;
  }
  char text[64];
  std::snprintf(text, sizeof text, unit == 0 ? "%.0f %s" : "%.1f %s", amount, kUnits[unit]);
  return text;
}

MemoryPool::MemoryPool(int device, const MemoryOptions& options, Health& health)
    : device_(device), health_(health), growth_(options.growth) {
  // Written so that NaN fails, too.
  if (!(options.fraction >= 0 && options.fraction <= 1)) {
    throw Error(Code::Argument, "the fraction of the device's memory is " + std::to_string(options.fraction) +
                                    "; expected a number above 0, up to 1");
  }
  int supported = 0;
  check(cudaDeviceGetAttribute(&supported, cudaDevAttrMemoryPoolsSupported, device), "cudaDeviceGetAttribute");
  if (supported == 0) {
    throw Error(Code::NotSupported, "CUDA device " + std::to_string(device) +
                                        " has no memory pools: its driver or its virtualisation does not support them "
                                        "(cudaDevAttrMemoryPoolsSupported is 0). Update the driver, or use the CPU");
  }
  std::size_t free = 0;
  std::size_t total = 0;
  check(cudaMemGetInfo(&free, &total), "cudaMemGetInfo");
  total_ = total;
  limit_ = options.limit_bytes;
  if (options.fraction > 0) {
    const auto part = static_cast<std::uint64_t>(std::floor(options.fraction * static_cast<double>(total)));
    limit_ = limit_ == 0 ? part : std::min(limit_, part);
  }
  if (!growth_ && limit_ == 0) {
    throw Error(Code::Argument,
                "memory is to be taken at once (no growth), but no limit says how much: give a limit or a fraction");
  }

  cudaMemPoolProps properties{};
  properties.allocType = cudaMemAllocationTypePinned;
  properties.handleTypes = cudaMemHandleTypeNone;
  properties.location.type = cudaMemLocationTypeDevice;
  properties.location.id = device;
  check(cudaMemPoolCreate(&pool_, &properties), "cudaMemPoolCreate");
  try {
    // What is freed stays in the pool until it is trimmed.
    std::uint64_t keep = limit_ == 0 ? std::numeric_limits<std::uint64_t>::max() : limit_;
    check(cudaMemPoolSetAttribute(pool_, cudaMemPoolAttrReleaseThreshold, &keep), "cudaMemPoolSetAttribute");
    // Else an allocation on one lane could wait, unseen, for what another lane does.
    int no = 0;
    check(cudaMemPoolSetAttribute(pool_, cudaMemPoolReuseAllowInternalDependencies, &no), "cudaMemPoolSetAttribute");
    if (!growth_) reserve_limit();
  } catch (...) {
    give_back([this] { return cudaMemPoolDestroy(pool_); });
    throw;
  }
}

MemoryPool::~MemoryPool() {
  give_back([this] { return cudaMemPoolDestroy(pool_); });
}

void MemoryPool::reserve_limit() {
  const Stream stream(false);
  void* all = allocate(stream.get(), limit_, MemoryKind::Operation);
  free(stream.get(), all, limit_, MemoryKind::Operation);
  check(cudaStreamSynchronize(stream.get()), "cudaStreamSynchronize");
  const std::lock_guard lock(mutex_);
  peak_ = 0;
}

void* MemoryPool::allocate(cudaStream_t stream, std::size_t bytes, MemoryKind kind) {
  if (bytes == 0) return nullptr;
  void* memory = nullptr;
  cudaError_t error = try_allocate(stream, bytes, kind, &memory);
  if (error == cudaErrorMemoryAllocation) {
    settle();
    error = try_allocate(stream, bytes, kind, &memory);
  }
  if (error == cudaErrorMemoryAllocation) throw_out_of_memory(bytes);
  check(error, "cudaMallocFromPoolAsync");
  stay_within_limit();
  return memory;
}

cudaError_t MemoryPool::try_allocate(cudaStream_t stream, std::size_t bytes, MemoryKind kind, void** memory) {
  if (!count(bytes, kind)) return cudaErrorMemoryAllocation;
  const cudaError_t error = cudaMallocFromPoolAsync(memory, bytes, pool_, stream);
  if (error != cudaSuccess) {
    discount(bytes, kind);
    if (error == cudaErrorMemoryAllocation) static_cast<void>(cudaGetLastError());
  }
  return error;
}

void MemoryPool::free(cudaStream_t stream, void* memory, std::size_t bytes, MemoryKind kind) noexcept {
  if (memory == nullptr) return;
  // Where the device is lost, streams wait for nothing any more: what still runs may use the memory.
  if (!health_.lost()) {
    const cudaError_t error = cudaFreeAsync(memory, stream);
    if (error == cudaSuccess) {
      discount(bytes, kind);
      return;
    }
    health_.note(error, "cudaFreeAsync");
  }
  free_later(memory, bytes, kind);
}

void MemoryPool::free_later(void* memory, std::size_t bytes, MemoryKind kind) noexcept {
  if (memory == nullptr) return;
  const std::lock_guard lock(mutex_);
  try {
    stranded_.push_back({memory, bytes, kind});
  } catch (...) {
    // No memory to remember it by: it is the pool's until the process ends, and counts as used.
  }
}

void MemoryPool::release_stranded() noexcept {
  std::vector<Stranded> stranded;
  {
    const std::lock_guard lock(mutex_);
    if (stranded_.empty()) return;
  }
  cudaError_t idle = cudaDeviceSynchronize();
  if (idle != cudaSuccess && !is_sticky(idle)) idle = cudaDeviceSynchronize();
  if (idle != cudaSuccess) {
    health_.note(idle, "cudaDeviceSynchronize");
    return;
  }
  {
    const std::lock_guard lock(mutex_);
    stranded.swap(stranded_);
  }
  for (const Stranded& one : stranded) {
    cudaError_t error = cudaFree(one.memory);
    if (error != cudaSuccess && !is_sticky(error)) error = cudaFree(one.memory);
    if (error == cudaSuccess) {
      discount(one.bytes, one.kind);
    } else {
      health_.note(error, "cudaFree");
      free_later(one.memory, one.bytes, one.kind);
    }
  }
}

// So that what was freed is free.
void MemoryPool::settle() {
  check(cudaDeviceSynchronize(), "cudaDeviceSynchronize");
  release_stranded();
  if (growth_) check(cudaMemPoolTrimTo(pool_, 0), "cudaMemPoolTrimTo");
}

void MemoryPool::trim(std::uint64_t keep_bytes) {
  check(cudaDeviceSynchronize(), "cudaDeviceSynchronize");
  release_stranded();
  if (!growth_) keep_bytes = std::max(keep_bytes, limit_);
  check(cudaMemPoolTrimTo(pool_, keep_bytes), "cudaMemPoolTrimTo");
}

void MemoryPool::trim_idle(std::uint64_t keep_bytes) noexcept {
  if (!growth_) return;
  const std::uint64_t used = stats().used;
  health_.note(cudaMemPoolTrimTo(pool_, used + keep_bytes), "cudaMemPoolTrimTo");
}

// The pool counts what was freed but not come to yet as taken: it can for a moment hold more than the limit.
void MemoryPool::stay_within_limit() noexcept {
  if (limit_ == 0) return;
  if (attribute(cudaMemPoolAttrReservedMemCurrent) <= limit_ + kRounding) return;
  health_.note(cudaDeviceSynchronize(), "cudaDeviceSynchronize");
  health_.note(cudaMemPoolTrimTo(pool_, limit_), "cudaMemPoolTrimTo");
}

bool MemoryPool::count(std::size_t bytes, MemoryKind kind) noexcept {
  const std::lock_guard lock(mutex_);
  const std::uint64_t used = std::accumulate(used_.begin(), used_.end(), std::uint64_t{0});
  if (limit_ != 0 && (used > limit_ || bytes > limit_ - used)) return false;
  used_.at(static_cast<std::size_t>(kind)) += bytes;
  peak_ = std::max(peak_, used + bytes);
  return true;
}

void MemoryPool::discount(std::size_t bytes, MemoryKind kind) noexcept {
  const std::lock_guard lock(mutex_);
  used_.at(static_cast<std::size_t>(kind)) -= bytes;
}

std::uint64_t MemoryPool::attribute(cudaMemPoolAttr which) const noexcept {
  std::uint64_t value = 0;
  const cudaError_t error = cudaMemPoolGetAttribute(pool_, which, &value);
  if (error == cudaSuccess) return value;
  health_.note(error, "cudaMemPoolGetAttribute");
  return 0;
}

PoolStats MemoryPool::stats() noexcept {
  PoolStats stats;
  stats.reserved = attribute(cudaMemPoolAttrReservedMemCurrent);
  stats.limit = limit_;
  const std::lock_guard lock(mutex_);
  stats.tensors = used_.at(static_cast<std::size_t>(MemoryKind::Tensor));
  stats.workspaces = used_.at(static_cast<std::size_t>(MemoryKind::Workspace));
  stats.operations = used_.at(static_cast<std::size_t>(MemoryKind::Operation));
  stats.used = stats.tensors + stats.workspaces + stats.operations;
  stats.peak = peak_;
  return stats;
}

void MemoryPool::throw_out_of_memory(std::size_t bytes) {
  const PoolStats now = stats();
  std::string text = "CUDA device " + std::to_string(device_) + " is out of memory: " + readable_bytes(bytes) + " (" +
                     std::to_string(bytes) + " bytes) were asked for";
  std::size_t free = 0;
  std::size_t total = 0;
  const cudaError_t error = cudaMemGetInfo(&free, &total);
  health_.note(error, "cudaMemGetInfo");
  if (error == cudaSuccess) {
    text += "; " + readable_bytes(free) + " of " + readable_bytes(total) + " are free on the device";
  }
  if (limit_ != 0) {
    text += "; of its limit of " + readable_bytes(limit_) + ", " + readable_bytes(limit_ - std::min(limit_, now.used)) +
            " are left";
  } else {
    text += "; it has no limit";
  }
  text += "; in use: " + readable_bytes(now.tensors) + " by tensors, " + readable_bytes(now.workspaces) +
          " by workspaces, " + readable_bytes(now.operations) + " by operations in flight; " +
          readable_bytes(now.reserved - std::min(now.reserved, now.used)) + " kept for reuse";
  if (error == cudaSuccess) {
    const std::uint64_t known = std::min<std::uint64_t>(total, free + std::max(now.reserved, now.used));
    text += "; " + readable_bytes(total - known) + " taken by others (processes, libraries, the driver)";
  }
  text += ". Dispose of tensors that are no longer needed, use smaller batches or fewer lanes";
  if (limit_ != 0) text += ", or raise the limit";
  throw Error(Code::OutOfMemory, text);
}

}  // namespace tensorlane::cuda
