#include "core/memory/kept_memory.h"

#include <algorithm>
#include <cstdlib>
#include <exception>
#include <thread>

#include "core/memory/memory_limit.h"
#include "core/thread_name.h"

#if defined(__SANITIZE_ADDRESS__)
#define TENSORLANE_ADDRESS_SANITIZER
#elif defined(__has_feature)
#if __has_feature(address_sanitizer)
#define TENSORLANE_ADDRESS_SANITIZER
#endif
#endif
#ifdef TENSORLANE_ADDRESS_SANITIZER
#include <sanitizer/asan_interface.h>
#endif

namespace tensorlane {
namespace {

// What is kept is as good as freed, and the rest of a block that is larger than was asked for as good as not there.
void forbid(const KeptMemory::Block& block) noexcept {
#ifdef TENSORLANE_ADDRESS_SANITIZER
  ASAN_POISON_MEMORY_REGION(block.memory, block.bytes);
#else
  static_cast<void>(block);
#endif
}
void allow(const KeptMemory::Block& block, std::size_t bytes) noexcept {
#ifdef TENSORLANE_ADDRESS_SANITIZER
  ASAN_UNPOISON_MEMORY_REGION(block.memory, bytes);
#else
  static_cast<void>(block);
  static_cast<void>(bytes);
#endif
}

std::size_t most_bytes() noexcept {
  constexpr std::size_t kMost = std::size_t{256} << 20U;
  constexpr std::uint64_t kShare = 8;
  const std::uint64_t all = memory_limit();
  return all == 0 ? kMost : std::min<std::uint64_t>(kMost, all / kShare);
}

}  // namespace

// Never destroyed: JS arrays may be collected after the process's static objects.
KeptMemory& KeptMemory::shared() {
  static auto* memory = new KeptMemory(most_bytes());
  return *memory;
}

KeptMemory::User::User(KeptMemory& memory) noexcept : memory_(memory) {
  const std::lock_guard lock(memory_.mutex_);
  ++memory_.users_;
}

// What is kept is freed by the watching thread, since this one may be JS's.
KeptMemory::User::~User() {
  const std::lock_guard lock(memory_.mutex_);
  if (--memory_.users_ > 0) return;
  for (Kept& one : memory_.kept_) one.until = {};
  memory_.changed_.notify_all();
}

KeptMemory::~KeptMemory() {
  std::unique_lock lock(mutex_);
  stopping_ = true;
  changed_.notify_all();
  changed_.wait(lock, [this] { return !watching_; });
  free_all(kept_);
}

KeptMemory::Block KeptMemory::take(std::size_t bytes) noexcept {
  if (bytes >= kLeast) {
    List gone;
    {
      const std::lock_guard lock(mutex_);
      auto best = kept_.end();
      for (auto one = kept_.begin(); one != kept_.end(); ++one) {
        const std::size_t has = one->block.bytes;
        if (has < bytes || has - bytes > bytes / 8) continue;
        // Of equal ones the last: what a busy program has no use for grows old.
        if (best == kept_.end() || has <= best->block.bytes) best = one;
      }
      if (best != kept_.end()) {
        Block block = best->block;
        gone.splice(gone.end(), kept_, best);
        kept_bytes_ -= block.bytes;
        ++reused_;
        allow(block, bytes);
        return block;
      }
      while (!kept_.empty() && kept_bytes_ + bytes > most_bytes_) move_oldest(gone);
    }
    free_all(gone);
  }
  Block block{std::malloc(bytes), bytes, true};
  if (block.memory == nullptr && bytes >= kLeast) {
    trim();
    block.memory = std::malloc(bytes);
  }
  return block;
}

void KeptMemory::give(Block block) noexcept {
  if (block.memory == nullptr) return;
  block.fresh = false;
  List gone;
  try {
    if (block.bytes >= kLeast && block.bytes <= most_bytes_) gone.push_back({block, {}});
  } catch (const std::exception&) {
    gone.clear();  // no memory to keep it by
  }
  if (gone.empty()) {
    std::free(block.memory);
    return;
  }
  {
    const std::lock_guard lock(mutex_);
    try {
      if (users_ > 0) {
        start_watch();
        forbid(block);
        gone.front().until = Clock::now() + idle_after_;
        kept_.splice(kept_.end(), gone);
        kept_bytes_ += block.bytes;
        while (kept_bytes_ > most_bytes_) move_oldest(gone);
      }
    } catch (const std::exception&) {
      // The system has no more threads: then it is not kept.
    }
  }
  free_all(gone);
}

void KeptMemory::trim() noexcept {
  List gone;
  {
    const std::lock_guard lock(mutex_);
    kept_bytes_ = 0;
    gone.splice(gone.end(), kept_);
  }
  free_all(gone);
}

KeptMemory::Usage KeptMemory::usage() noexcept {
  const std::lock_guard lock(mutex_);
  return {kept_bytes_, kept_.size(), reused_};
}

void KeptMemory::start_watch() {
  if (watching_) return;
  std::thread([this] { watch(); }).detach();
  watching_ = true;
}

void KeptMemory::move_oldest(List& to) noexcept {
  kept_bytes_ -= kept_.front().block.bytes;
  to.splice(to.end(), kept_, kept_.begin());
}

void KeptMemory::watch() noexcept {
  name_thread("lane-memory");
  std::unique_lock lock(mutex_);
  while (!stopping_) {
    if (kept_.empty()) {
      // A busy program's blocks are mostly taken. It ends where none came for as long as one is kept.
      if (changed_.wait_for(lock, idle_after_) == std::cv_status::timeout && kept_.empty()) break;
      continue;
    }
    const auto now = Clock::now();
    if (const auto until = kept_.front().until; now < until) {
      changed_.wait_until(lock, until);  // of a copy: the block may be gone before
      continue;
    }
    List gone;
    while (!kept_.empty() && kept_.front().until <= now) move_oldest(gone);
    lock.unlock();
    free_all(gone);
    lock.lock();
  }
  watching_ = false;
  changed_.notify_all();  // with the lock: after that it touches nothing
}

void KeptMemory::free_all(const List& list) noexcept {
  for (const Kept& one : list) {
    allow(one.block, one.block.bytes);
    std::free(one.block.memory);
  }
}

}  // namespace tensorlane
