#include "cuda/runtime/context.h"

#include <utility>

#include "cuda/libraries/libraries.h"

namespace tensorlane::cuda {
namespace {

// What an idle device keeps for the next use.
constexpr std::uint64_t kIdleKeepBytes = std::uint64_t{256} << 20U;

}  // namespace

Context::Context(int device, const MemoryOptions& memory)
    : device_(device),
      health_(device),
      memory_(device, memory, health_),
      pinned_(health_),
      events_(std::make_shared<EventPool>(device)) {}

Context::~Context() {
  ending_.emplace(device_, health_);
  unload_modules();
  memory_.release_stranded();
  events_.reset();
  streams_.clear();
}

cudaStream_t Context::take_stream(bool high_priority) {
  const std::lock_guard lock(mutex_);
  auto& free = free_streams_.at(high_priority ? 1 : 0);
  if (!free.empty()) {
    const cudaStream_t stream = free.back();
    free.pop_back();
    return stream;
  }
  free.reserve(streams_.size() + 1);  // giving it back cannot fail
  streams_.emplace_back(high_priority);
  return streams_.back().get();
}

void Context::give_back_stream(cudaStream_t stream, bool high_priority) noexcept {
  if (stream == nullptr) return;
  const std::lock_guard lock(mutex_);
  free_streams_.at(high_priority ? 1 : 0).push_back(stream);
}

void Context::lane_idles() noexcept {
  if (busy_.fetch_sub(1, std::memory_order_acq_rel) == 1) memory_.trim_idle(kIdleKeepBytes);
}

void Context::retire_module(void* module) noexcept {
  const std::lock_guard lock(mutex_);
  try {
    retired_.push_back(module);
  } catch (...) {
    // No memory to remember it by: it stays loaded.
  }
}

void Context::unload_modules() noexcept {
  std::vector<void*> modules;
  {
    const std::lock_guard lock(mutex_);
    modules.swap(retired_);
  }
  for (void* module : modules) static_cast<void>(driver().cuModuleUnload(static_cast<CUmodule>(module)));
}

}  // namespace tensorlane::cuda
