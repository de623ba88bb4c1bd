// How far a lane stands back where nobody has said. The rules it keeps:
//
// 1. While its process has the cores to itself it stands back, so that the JS thread and libuv's threads go first. Beside
//    other processes that keep them busy it does not stand back at all, or it would get next to nothing of them.
// 2. What tells is how long its thread waited for a core beside how long it ran. Where its own process used nearly all that the cores gave
//    meanwhile, it waited for that.
// 3. A thread may stand back further at any time, but without privileges never less again: then another takes its place.
// 4. Threads that cannot be replaced so, and stand back for good, are no help beside such neighbours: what they have begun they do
//    not end, and the lane waits for it.
#pragma once

#include <atomic>
#include <chrono>
#include <optional>

namespace tensorlane {

// What is known of a thread and its process; each is a sum since some moment.
struct Share {
  std::chrono::nanoseconds ran{0};      // the thread, on a core
  std::chrono::nanoseconds waited{0};   // the thread, for a core
  std::chrono::nanoseconds process{0};  // all of its process's threads, on cores
};

// The rules. No clock is here.
class Standing {
 public:
  // Far enough that their latency is nearly that of 19; and yet a lane that neighbours surprise has a tenth of a core to end in
  // what it has begun.
  static constexpr int kBack = 10;

  enum class Step { None, Back, Forward };

  Standing(unsigned cores, const Share& now) : cores_(cores), last_(now) {}

  // What to do about it now; after Forward this thread is to do no more.
  Step look(const Share& now) noexcept;

  // As of the last look that told something: whether other processes keep the cores busy.
  [[nodiscard]] bool has_neighbours() const noexcept { return has_neighbours_; }

 private:
  const unsigned cores_;
  Share last_;
  bool stands_back_ = false;
  bool has_neighbours_ = false;
};

// What a lane of this process was told last, whichever it was. From any thread.
inline std::atomic<bool> busy_neighbours{false};

// Of the calling thread. Nothing where the system does not tell.
std::optional<Share> share_of_thread() noexcept;

}  // namespace tensorlane
