// Memory of large blocks, kept for the next ones: to get as many pages from the system, which clears them, takes longer than
// most of what is computed into them.
//
// Rules:
// 1. What is kept was in use less than a second ago (`idle_after`): a thread of its own, which is there only while blocks come and go,
//    gives back what nobody took.
// 2. It is never more than `most_bytes`, the oldest goes first; who is given new memory counts as well.
// 3. While there is no user, which a device is until it is closed, nothing is kept.
// 4. Whoever takes a block gets at most an eighth more than he asked for. What is in it is what was left there: he writes it all
//    before he shows it.
#pragma once

#include <chrono>
#include <condition_variable>
#include <cstddef>
#include <cstdint>
#include <list>
#include <mutex>

namespace tensorlane {

class KeptMemory {
 public:
  // What is smaller is malloc()'s own to keep.
  static constexpr std::size_t kLeast = std::size_t{1} << 20U;

  struct Block {
    void* memory = nullptr;  // malloc()'s
    std::size_t bytes = 0;
    bool fresh = true;  // and not used before
  };

  struct Usage {
    std::size_t bytes = 0;  // kept
    std::size_t blocks = 0;
    std::uint64_t reused = 0;  // how often one was taken again
  };

  // While there is one, memory is kept.
  class User {
   public:
    explicit User(KeptMemory& memory = shared()) noexcept;
    ~User();
    User(const User&) = delete;
    User& operator=(const User&) = delete;

   private:
    KeptMemory& memory_;
  };

  explicit KeptMemory(std::size_t most_bytes, std::chrono::nanoseconds idle_after = std::chrono::seconds(1))
      : most_bytes_(most_bytes), idle_after_(idle_after) {}
  ~KeptMemory();
  KeptMemory(const KeptMemory&) = delete;
  KeptMemory& operator=(const KeptMemory&) = delete;

  // The process's.
  static KeptMemory& shared();

  // On any thread, all of these. Null memory where there is none.
  [[nodiscard]] Block take(std::size_t bytes) noexcept;
  void give(Block block) noexcept;
  // Gives back all that is kept.
  void trim() noexcept;
  [[nodiscard]] Usage usage() noexcept;

 private:
  using Clock = std::chrono::steady_clock;
  struct Kept {
    Block block;
    Clock::time_point until;
  };
  using List = std::list<Kept>;

  // With the lock.
  void start_watch();
  void move_oldest(List& to) noexcept;

  // On a thread of its own.
  void watch() noexcept;

  static void free_all(const List& list) noexcept;

  const std::size_t most_bytes_;
  const std::chrono::nanoseconds idle_after_;

  std::mutex mutex_;  // guards what follows; waited on by changed_
  std::condition_variable changed_;
  List kept_;  // oldest first
  std::size_t kept_bytes_ = 0;
  std::uint64_t reused_ = 0;
  std::size_t users_ = 0;
  bool watching_ = false;  // the thread looks at kept_
  bool stopping_ = false;
};

}  // namespace tensorlane
