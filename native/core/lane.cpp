#include "core/lane.h"

#include <algorithm>
#include <chrono>
#include <exception>
#include <future>
#include <utility>

#include "core/niceness.h"

namespace tensorlane {
namespace {

// Workspaces above this size are given back when their lane falls idle.
constexpr std::size_t kIdleWorkspaceBytes = std::size_t{64} << 20U;

// Tasks of one lane that the device has not done yet. Enough to keep a GPU busy with small kernels; a bound on what
// fails together when it is lost.
constexpr std::size_t kMostUnfinished = 64;

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

void Task::completed(Pending& pending) noexcept {
  try {
    pending.complete();
  } catch (...) {
    // A task that nobody waits for has nobody to tell.
  }
}

LanePool::LanePool(const LaneOptions& options) {
  const std::size_t ordinary = options.lanes - std::min(options.high_priority, options.lanes);
  lanes_.reserve(options.lanes);
  for (std::size_t i = 0; i < options.lanes; ++i) {
    lanes_.push_back(std::make_unique<Lane>(i));
    lanes_.back()->serves_common_ = i < ordinary || ordinary == 0;
  }
  try {
    std::vector<std::future<void>> ready;
    for (auto& owned : lanes_) {
      Lane& lane = *owned;
      std::promise<void> started;
      ready.push_back(started.get_future());
      const int niceness = lane.index_ < ordinary ? options.niceness : 0;
      lane.thread_ = std::thread([this, &lane, niceness, make = options.state, started = std::move(started)]() mutable {
        try {
          if (make) lane.state_ = make(lane.index_);
          started.set_value();
        } catch (...) {
          started.set_exception(std::current_exception());
        }
        work(lane, niceness);
        lane.state_.reset();
      });
    }
    for (auto& one : ready) one.get();
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
        if (lane->idle_ && lane->serves_common_) {
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

std::unique_ptr<Task> LanePool::take(Lane& lane) {
  if (stopping_) return nullptr;
  const bool own = !lane.queue_.empty();
  const bool common = lane.serves_common_ && !common_.empty();
  if (!own && !common) return nullptr;
  const bool take_own = own && (!common || lane.queue_.front().order < common_.front().order);
  auto& queue = take_own ? lane.queue_ : common_;
  // One that has to wait for what is pending here stays queued: stop() discards it there, and where it is for any lane
  // another may take it.
  const Task& next = *queue.front().task;
  const std::size_t keep = next.pipelines() ? kMostUnfinished - 1 : 0;
  if (next.needs_device() && lane.unfinished_.size() > keep) return nullptr;
  std::unique_ptr<Task> task = std::move(queue.front().task);
  queue.pop_front();
  ++lane.in_flight_;
  ++in_flight_;
  return task;
}

void LanePool::sleep(Lane& lane, std::unique_lock<std::mutex>& lock) {
  if (lane.stirred_) {
    lock.unlock();  // giving back gigabytes takes a while, and whoever submits waits for this mutex
    lane.workspace_.trim(kIdleWorkspaceBytes);
    if (lane.state_ != nullptr) lane.state_->idle();
    lane.stirred_ = false;
    lock.lock();
    return;  // something may have been submitted meanwhile
  }
  lane.idle_ = true;
  lane.wake_.wait(lock);  // no predicate: a lane whose task another lane took first must go back on the idle list
  lane.idle_ = false;
}

void LanePool::work(Lane& lane, int niceness) {
  stand_back(niceness);
  std::unique_lock lock(mutex_);
  for (;;) {
    std::unique_ptr<Task> task = take(lane);
    if (task == nullptr && lane.unfinished_.empty()) {
      if (stopping_) return;
      sleep(lane, lock);
      continue;
    }
    lock.unlock();
    if (task != nullptr) {
      run(lane, std::move(task));
    } else {
      finish_oldest(lane);
    }
    lock.lock();
  }
}

void LanePool::run(Lane& lane, std::unique_ptr<Task> task) {
  while (!lane.unfinished_.empty() && lane.unfinished_.front().pending->done()) finish_oldest(lane);
  const bool needs_device = task->needs_device();
  lane.stirred_ = lane.stirred_ || needs_device;
  task->run(lane);
  std::unique_ptr<Pending> pending = needs_device && lane.state_ != nullptr ? lane.state_->end() : nullptr;
  task->handed_over();
  if (pending != nullptr) {
    lane.unfinished_.push_back({std::move(task), std::move(pending)});
  } else {
    finish(lane, std::move(task));
  }
}

void LanePool::finish_oldest(Lane& lane) {
  Lane::Unfinished oldest = std::move(lane.unfinished_.front());
  lane.unfinished_.pop_front();
  oldest.pending->wait();
  oldest.task->completed(*oldest.pending);
  oldest.pending.reset();
  finish(lane, std::move(oldest.task));
}

void LanePool::finish(Lane& lane, std::unique_ptr<Task> task) {
  {
    const std::lock_guard lock(mutex_);
    --lane.in_flight_;
    --in_flight_;
    ++completed_;
    if (stopping_) became_idle_.notify_all();
  }
  Task& finished = *task;
  finished.finished(std::move(task));
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
  const auto busy = std::ranges::count_if(lanes_, [](const auto& lane) { return lane->in_flight_ > 0; });
  return {lanes_.size(), static_cast<std::size_t>(busy), queued, completed_};
}

bool LanePool::quiesce_all(unsigned milliseconds) noexcept {
  const auto deadline = std::chrono::steady_clock::now() + std::chrono::milliseconds(milliseconds);
  const std::lock_guard registered(registry().mutex);
  bool idle = true;
  for (LanePool* pool : registry().pools) {
    std::unique_lock lock(pool->mutex_);
    pool->stopping_ = true;
    idle = pool->became_idle_.wait_until(lock, deadline, [pool] { return pool->in_flight_ == 0; }) && idle;
  }
  return idle;
}

}  // namespace tensorlane
