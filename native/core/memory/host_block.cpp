#include "core/memory/host_block.h"

#include <sys/mman.h>
#include <unistd.h>

#include <cstdint>
#include <limits>

#include "core/memory/workspace.h"

namespace tensorlane {
namespace {

constexpr std::size_t kLarge = std::size_t{4} << 20U;

// It is a wish: where it is not granted, all is as it would be without.
void ask_for_large_pages(void* data, std::size_t bytes) noexcept {
#ifdef MADV_HUGEPAGE
  const auto page = static_cast<std::uintptr_t>(sysconf(_SC_PAGESIZE));
  std::byte* begin = static_cast<std::byte*>(data) - reinterpret_cast<std::uintptr_t>(data) % page;
  static_cast<void>(madvise(begin, bytes, MADV_HUGEPAGE));
#else
  static_cast<void>(data);
  static_cast<void>(bytes);
#endif
}

}  // namespace

HostBlock::HostBlock(std::size_t bytes) noexcept {
  constexpr std::size_t kAlignment = Workspace::kAlignment;
  if (bytes > std::numeric_limits<std::size_t>::max() - kAlignment) return;
  const KeptMemory::Block block = KeptMemory::shared().take(bytes + kAlignment);
  if (block.memory == nullptr) return;
  memory_ = {block.memory, GiveBack{block.bytes}};
  data_ = block.memory;
  bytes_ = bytes;
  std::size_t space = block.bytes;
  std::align(kAlignment, bytes, data_, space);
  if (block.fresh && bytes >= kLarge) ask_for_large_pages(data_, bytes);
}

}  // namespace tensorlane
