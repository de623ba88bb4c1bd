// Whether an operation is still wanted, which whoever asked for it may take back. The rules:
//
// 1. What has not begun never does: stop() says so, and nothing of it is read or written any more.
// 2. What has begun ends where it looks next (between the matrices of a batch, between two steps), or not at all.
//
// A lane's thread heeds one at a time, and what it calls looks at that without being handed it. Threads that help a lane heed none.
#pragma once

#include <atomic>
#include <cstdint>
#include <memory>

namespace tensorlane {

class Stop {
 public:
  // Any thread: true where it had not begun.
  bool stop() noexcept { return state_.exchange(State::Stopped) == State::Waiting; }

  // On the lane's thread, for as long as this lives. Null: nothing stops it.
  class Heeded {
   public:
    // Errors: Aborted where it has been stopped.
    explicit Heeded(std::shared_ptr<Stop> stop);
    ~Heeded();
    Heeded(const Heeded&) = delete;
    Heeded& operator=(const Heeded&) = delete;

   private:
    std::shared_ptr<Stop> stop_;
  };

  // What this thread heeds. Errors: Aborted where it has been stopped.
  static void look();

 private:
  enum class State : std::uint8_t { Waiting, Begun, Stopped };

  void begin();

  std::atomic<State> state_{State::Waiting};
};

}  // namespace tensorlane
