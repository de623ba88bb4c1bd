// Threads that help to copy large blocks of host memory: one thread's memcpy is slower than what brings the copy to a
// GPU and back. The rules they keep:
//
// 1. copy() returns when all is copied. The caller copies as well, so it never waits for a slice that nobody has begun.
// 2. There are no threads before the first large copy. They sleep while there is none, and the destructor joins them.
// 3. Threads that cannot be had are done without: a copy then takes longer, and does not fail.
#pragma once

#include <condition_variable>
#include <cstddef>
#include <mutex>
#include <thread>
#include <vector>

namespace tensorlane {

class CopyCrew {
 public:
  // Smaller copies are the caller's alone: waking a thread would take about as long.
  static constexpr std::size_t kLarge = std::size_t{1} << 20U;

  CopyCrew() : CopyCrew(default_helpers()) {}
  // With so many threads beside the callers'.
  explicit CopyCrew(std::size_t helpers) : wanted_(helpers) {}
  // No copy may be under way.
  ~CopyCrew();
  CopyCrew(const CopyCrew&) = delete;
  CopyCrew& operator=(const CopyCrew&) = delete;

  // As memcpy. On any thread, on several at once.
  void copy(void* to, const void* from, std::size_t bytes) noexcept;

  // Threads that have been started.
  [[nodiscard]] std::size_t helpers();

 private:
  // On the stack of copy().
  struct Job {
    std::byte* to;
    const std::byte* from;
    std::size_t bytes;
    std::size_t begun = 0;    // bytes that somebody copies, or has copied
    std::size_t copying = 0;  // slices that somebody copies now

    [[nodiscard]] bool all_begun() const noexcept { return begun == bytes; }
  };

  [[nodiscard]] static std::size_t default_helpers() noexcept;
  void start() noexcept;  // with the lock
  void help() noexcept;
  // With the lock, which it lets go of while it copies.
  void copy_slice(Job& job, std::unique_lock<std::mutex>& lock) noexcept;

  const std::size_t wanted_;
  std::mutex mutex_;  // guards what follows, and all jobs
  std::condition_variable work_;
  std::condition_variable done_;
  std::vector<Job*> jobs_;  // that have slices left, the oldest first
  std::vector<std::thread> threads_;
  bool started_ = false;
  bool stopping_ = false;
};

}  // namespace tensorlane
