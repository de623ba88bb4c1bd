#include "core/memory/copy_crew.h"

#include <algorithm>
#include <cstdint>
#include <cstring>

#include "core/cores/cores.h"
#include "core/thread_name.h"

namespace tensorlane {
namespace {

// More threads than this gain nothing: together they are faster than PCIe, or the memory is busy.
constexpr std::size_t kMostHelpers = 4;

// Some 25 microseconds of one thread's: small enough that all end at about the same time.
constexpr std::size_t kSlice = std::size_t{256} << 10U;
constexpr std::size_t kCacheLine = 64;

}  // namespace

std::size_t CopyCrew::default_helpers() noexcept { return std::min<std::size_t>(kMostHelpers, usable_cores() - 1); }

CopyCrew::~CopyCrew() {
  {
    const std::lock_guard lock(mutex_);
    stopping_ = true;
  }
  work_.notify_all();
  for (std::thread& thread : threads_) thread.join();
}

void CopyCrew::copy(void* to, const void* from, std::size_t bytes) noexcept {
  if (bytes < kLarge || wanted_ == 0) {
    if (bytes > 0) std::memcpy(to, from, bytes);
    return;
  }
  Job job{static_cast<std::byte*>(to), static_cast<const std::byte*>(from), bytes};
  std::unique_lock lock(mutex_);
  if (!started_) start();
  // With as many copies under way as there are helpers, one more has nobody to help it.
  if (jobs_.size() < threads_.size()) {
    jobs_.push_back(&job);  // there is room for it since start()
    work_.notify_all();
  }
  while (!job.all_begun()) copy_slice(job, lock);
  done_.wait(lock, [&job] { return job.copying == 0; });
}

std::size_t CopyCrew::helpers() {
  const std::lock_guard lock(mutex_);
  return threads_.size();
}

void CopyCrew::start() noexcept {
  started_ = true;
  try {
    jobs_.reserve(wanted_);
    threads_.reserve(wanted_);
    while (threads_.size() < wanted_) threads_.emplace_back([this] { help(); });
  } catch (...) {
    // The system has no more threads, or no memory, to give: those that there are will do.
  }
}

void CopyCrew::help() noexcept {
  unbind_thread();
  name_thread("lane-copy");
  std::unique_lock lock(mutex_);
  for (;;) {
    work_.wait(lock, [this] { return stopping_ || !jobs_.empty(); });
    if (stopping_) return;
    copy_slice(*jobs_.front(), lock);
  }
}

// Begins the next slice of a job that has one left. Slices end where a cache line of the target does, so that no two
// threads write to one.
void CopyCrew::copy_slice(Job& job, std::unique_lock<std::mutex>& lock) noexcept {
  std::byte* const to = job.to + job.begun;
  const std::byte* const from = job.from + job.begun;
  const std::size_t past_line = reinterpret_cast<std::uintptr_t>(to) % kCacheLine;
  const std::size_t bytes = std::min(kSlice - past_line, job.bytes - job.begun);
  job.begun += bytes;
  ++job.copying;
  if (job.all_begun()) std::erase(jobs_, &job);
  lock.unlock();
  std::memcpy(to, from, bytes);
  lock.lock();
  --job.copying;
  if (job.copying == 0 && job.all_begun()) done_.notify_all();
}

}  // namespace tensorlane
