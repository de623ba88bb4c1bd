#include "core/lanes/timer.h"

#include <algorithm>

#include "core/thread_name.h"

namespace tensorlane {

Timer::Timer(std::function<void(Id)> fire) : fire_(std::move(fire)), thread_([this] { work(); }) {}

Timer::~Timer() { stop(); }

Timer::Id Timer::schedule(std::chrono::nanoseconds delay) {
  const std::lock_guard lock(mutex_);
  const Id id = next_id_++;
  const auto [entry, inserted] = entries_.emplace(Clock::now() + delay, id);
  if (entry == entries_.begin()) changed_.notify_one();
  return id;
}

bool Timer::cancel(Id id) {
  const std::lock_guard lock(mutex_);
  return std::erase_if(entries_, [id](const Entry& entry) { return entry.second == id; }) != 0;
}

void Timer::stop() {
  {
    const std::lock_guard lock(mutex_);
    stopping_ = true;
    entries_.clear();
  }
  changed_.notify_one();
  if (thread_.joinable()) thread_.join();
}

void Timer::work() {
  name_thread("lane-timer");
  std::unique_lock lock(mutex_);
  while (!stopping_) {
    if (entries_.empty()) {
      changed_.wait(lock);
      continue;
    }
    const Entry first = *entries_.begin();
    if (Clock::now() < first.first) {
      changed_.wait_until(lock, first.first);
      continue;
    }
    entries_.erase(entries_.begin());
    fire_(first.second);  // under the lock, so that cancel() is exact; it only posts a completion
  }
}

}  // namespace tensorlane
