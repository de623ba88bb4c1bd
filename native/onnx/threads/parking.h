// Whether the threads that ONNX Runtime's runs share are parked, or may help. The rules:
//
// 1. They are parked as soon as as many runs are going as there are cores: each of these computes by itself on its lane, and
//    whoever would help one would interrupt another.
// 2. With fewer they may help, once it has been so for a while: between two runs of many there is always a moment with fewer.
// 3. They help what takes long: a model whose runs are short by themselves would wait for them to wake.
// 4. Where no run is going that they could help they are parked too, for they would spin. Only where the next run came soon
//    after the last one they stay awake for a while: for a caller who asks again as soon as it is answered.
// 5. Beside other processes that keep the cores busy no run wants help (core/cores/standing.h, rule 4).
//
// No lock and no clock is here: whoever holds one has them.
#pragma once

#include <chrono>
#include <optional>

namespace tensorlane {

class Parking {
 public:
  using Time = std::chrono::steady_clock::time_point;
  using Duration = std::chrono::steady_clock::duration;

  // For how long there must be a core to spare before helpers are let go.
  static constexpr std::chrono::milliseconds kSettle{2};
  // For how long helpers stay awake between two runs: JS takes a third of that to ask again, before its code is optimized.
  static constexpr std::chrono::milliseconds kLinger{1};
  // How often it is looked whether that is so, and whether runs that were helped have ended.
  static constexpr std::chrono::milliseconds kGlanceFull{5};
  static constexpr std::chrono::milliseconds kGlanceHelping{1};

  // A run that takes less by itself would have ended before its helpers have woken; one that took less with their help was such.
  static constexpr std::chrono::microseconds kLongAlone{100};
  static constexpr std::chrono::microseconds kLongHelped{50};

  // Whether the next run of a model is to be helped, of which the last one took so long.
  static bool is_long(Duration took, bool helped) noexcept { return took >= (helped ? kLongHelped : kLongAlone); }

  explicit Parking(unsigned cores) : cores_(cores) {}

  void entered(bool wants_help, Time now);
  void left(bool wants_help, Time now);
  // Does what time alone brings about. When to look again; nothing: not before a run was entered or left.
  std::optional<Time> look(Time now);

  [[nodiscard]] bool parked() const noexcept { return parked_; }
  [[nodiscard]] unsigned running() const noexcept { return running_; }

 private:
  [[nodiscard]] bool full() const noexcept { return running_ >= cores_; }

  const unsigned cores_;
  unsigned running_ = 0;
  unsigned wanting_ = 0;  // of these
  bool parked_ = true;
  bool came_soon_ = false;  // the last run that wanted help, after the one before it
  Time full_at_{};          // the last time that there was no core to spare
  Time left_at_{};          // when the last run that wanted help ended
};

}  // namespace tensorlane
