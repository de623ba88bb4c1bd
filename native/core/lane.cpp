#include "core/lane.h"

#include <algorithm>
#include <chrono>
#include <utility>

#include "core/niceness.h"

namespace tensorlane {
namespace {

// Workspaces above this size are given back when their lane falls idle.
constexpr std::size_t kIdleWorkspaceBytes = std::size_t{64} << 20U;

// All live pools, for the end of the process. Never destroyed: lanes may outlive static destructors.
struct Registry {
  std::mutex mutex;
  std::vector<LanePool*> pools;
};

Registry& registry() {
  static auto* instance = new Registry;
  return *instance;
}

}  // namespace

LanePool::LanePool(std::size_t lanes, int niceness) {
  lanes_.reserve(lanes);
  for (std::size_t i = 0; i < lanes; ++i) lanes_.push_back(std::make_unique<Lane>(i));
  try {
    for (auto& lane : lanes_) lane->thread_ = std::thread([this, &lane = *lane, niceness] { work(lane, niceness); });
    const std::lock_guard lock(registry().mutex);
    registry().pools.push_back(this);
  } catch (...) {
    stop();  // the destructor will not run, and threads that are not joined end the process
    throw;
  }
}

LanePool::~LanePool() {
  {
    const std::lock_guard lock(registry().mutex);
    std::erase(registry().pools, this);
  }
  stop();
}

bool LanePool::submit(std::unique_ptr<Task>& task, std::size_t index) {
  Lane* wake = nullptr;
  {
    const std::lock_guard lock(mutex_);
    if (stopping_) return false;
    const std::uint64_t order = next_order_++;
    if (index == kAnyLane) {
      common_.push_back({order, std::move(task)});
      // The lowest idle lane, so that under light load the same thread, with its warm cache, gets all the work.
      for (const auto& lane : lanes_) {
        if (lane->idle_) {
          wake = lane.get();
          break;
        }
      }
    } else {
      Lane& lane = *lanes_.at(index);
      lane.queue_.push_back({order, std::move(task)});
      if (lane.idle_) wake = &lane;
    }
    // Taken off the idle list here, not when it wakes, so that the next submit wakes another.
    if (wake != nullptr) wake->idle_ = false;
  }
  if (wake != nullptr) wake->wake_.notify_one();
  return true;
}

std::unique_ptr<Task> LanePool::next(Lane& lane, std::unique_lock<std::mutex>& lock) {
  for (;;) {
    if (stopping_) return nullptr;
    const bool own = !lane.queue_.empty();
    if (own || !common_.empty()) {
      const bool take_own = own && (common_.empty() || lane.queue_.front().order < common_.front().order);
      auto& queue = take_own ? lane.queue_ : common_;
      std::unique_ptr<Task> task = std::move(queue.front().task);
      queue.pop_front();
      return task;
    }
    if (lane.workspace_.capacity() > kIdleWorkspaceBytes) {
      lock.unlock();  // giving back gigabytes takes a while, and whoever submits waits for this mutex
      lane.workspace_.trim(kIdleWorkspaceBytes);
      lock.lock();
      continue;  // something may have been submitted meanwhile
    }
    lane.idle_ = true;
    lane.wake_.wait(lock);  // no predicate: a lane whose task another lane took first must go back on the idle list
    lane.idle_ = false;
  }
}

void LanePool::work(Lane& lane, int niceness) {
  stand_back(niceness);
  std::unique_lock lock(mutex_);
  while (std::unique_ptr<Task> task = next(lane, lock)) {
    ++busy_;
    lock.unlock();
    task->run(lane);
    lock.lock();
    --busy_;
    ++completed_;
    if (stopping_) became_idle_.notify_all();
    lock.unlock();
    Task& finished = *task;
    finished.finished(std::move(task));
    lock.lock();
  }
}

void LanePool::stop() {
  std::vector<std::unique_ptr<Task>> discarded;
  {
    const std::lock_guard lock(mutex_);
    stopping_ = true;
    for (auto& queued : common_) discarded.push_back(std::move(queued.task));
    common_.clear();
    for (auto& lane : lanes_) {
      for (auto& queued : lane->queue_) discarded.push_back(std::move(queued.task));
      lane->queue_.clear();
      lane->wake_.notify_all();
    }
  }
  // Destroying a task that would have signalled an event signals it, so a lane that waits for it is let go before the
  // join.
  discarded.clear();
  for (auto& lane : lanes_) {
    if (lane->thread_.joinable()) lane->thread_.join();
  }
}

LaneCounters LanePool::counters() {
  const std::lock_guard lock(mutex_);
  std::size_t queued = common_.size();
  for (const auto& lane : lanes_) queued += lane->queue_.size();
  return {lanes_.size(), busy_, queued, completed_};
}

bool LanePool::quiesce_all(unsigned milliseconds) noexcept {
  const auto deadline = std::chrono::steady_clock::now() + std::chrono::milliseconds(milliseconds);
  const std::lock_guard registered(registry().mutex);
  bool idle = true;
  for (LanePool* pool : registry().pools) {
    std::unique_lock lock(pool->mutex_);
    pool->stopping_ = true;
    idle = pool->became_idle_.wait_until(lock, deadline, [pool] { return pool->busy_ == 0; }) && idle;
  }
  return idle;
}

}  // namespace tensorlane
