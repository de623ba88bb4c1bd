// What a device adds to a lane: on a GPU a stream with its handles. A lane whose device computes on the lane's own
// thread (the CPU) has none.
//
// The device works behind its lane: a task's run() hands it work and returns, and the lane goes on to the next task
// while the device computes. What is still to be done for a task is its Pending.
#pragma once

#include <memory>

namespace tensorlane {

class Event;

// What the device has yet to do for a task that has run. Destroyed only once it is done.
class Pending {
 public:
  Pending() = default;
  Pending(const Pending&) = delete;
  Pending& operator=(const Pending&) = delete;
  virtual ~Pending() = default;

  // Whether wait() would return at once.
  [[nodiscard]] virtual bool done() noexcept = 0;
  // Without using a core. Returns also when the device fails.
  virtual void wait() noexcept = 0;
  // After it is done, once: what is left to do on the host, such as looking at status words. Throws the task's failure.
  virtual void complete() = 0;
};

// Made, used and destroyed on the lane's thread.
class LaneState {
 public:
  LaneState() = default;
  LaneState(const LaneState&) = delete;
  LaneState& operator=(const LaneState&) = delete;
  virtual ~LaneState() = default;

  // Before a task. Errors: DeviceLost.
  virtual void begin() = 0;
  // After a task: what the device has yet to do for it, or null when that is nothing.
  virtual std::unique_ptr<Pending> end() noexcept = 0;
  // When the lane has had nothing to do for a while (LaneOptions::idle_after): gives back what only a busy lane needs.
  virtual void idle() noexcept {}

  // Within a task. Errors: DeviceLost, OutOfMemory.
  virtual void record(Event& event) = 0;
  // First until it is recorded.
  virtual void wait(Event& event) = 0;
};

}  // namespace tensorlane
