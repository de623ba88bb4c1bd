// Whether an operation is better off on one thread because others want the cores. The rules it keeps:
//
// 1. OpenBLAS's threads wait for one another spinning, at every step. Where one of them has no core, all wait for whole time slices (an
//    SVD of 512 x 512 beside two busy processes: 0.12 s on one thread, 0.5 s on two). What tells is an operation on several threads whose caller
//    was off its core for a good part of the time.
// 2. Then operations get one thread for a while. What the cores are like for several is known only by trying, which may be slow
//    again: so the while is twice as long each time, up to half a minute, until a try goes well.
#pragma once

#include <algorithm>
#include <chrono>

namespace tensorlane::cpu {

// The rules. No clock is here, and no lock.
class BlasCrowding {
 public:
  using Time = std::chrono::steady_clock::time_point;
  using Duration = std::chrono::nanoseconds;

  // An operation on several threads has ended at `now`, which took so long, and its caller's thread so long on a core.
  void saw(Duration took, Duration on_core, Time now) noexcept {
    if (took < kTells) return;
    const bool waited = static_cast<double>(on_core.count()) < kOnCore * static_cast<double>(took.count());
    if (waited) until_ = now + pause_;
    pause_ = waited ? std::min(pause_ * 2, kLongest) : kShortest;
  }

  [[nodiscard]] bool crowded(Time now) const noexcept { return now < until_; }

 private:
  static constexpr Duration kTells = std::chrono::milliseconds(2);  // less is mostly chance
  static constexpr double kOnCore = 0.8;
  static constexpr Duration kShortest = std::chrono::seconds(1);
  static constexpr Duration kLongest = std::chrono::seconds(30);

  Time until_{};
  Duration pause_ = kShortest;
};

}  // namespace tensorlane::cpu
