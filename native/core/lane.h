// Lanes: the threads that do all the work. The rules they keep:
//
// 1. A lane is one thread; what it owns (its workspace, and on a GPU its stream and handles) is touched by no other.
// 2. Tasks start in the order in which they were submitted: a task for one particular lane when that lane is free, a
// task
//    for any lane as soon as some lane is. A lane chooses the older of its own head and the common head.
// 3. Every accepted task ends exactly once: it runs and is then handed to Task::finished, or the pool is stopped first
// and
//    it is destroyed unrun on the thread that stopped the pool.
// 4. No task starts after stop() was called, and none runs once stop() has returned.
#pragma once

#include <atomic>
#include <condition_variable>
#include <cstddef>
#include <cstdint>
#include <deque>
#include <memory>
#include <mutex>
#include <thread>
#include <vector>

#include "core/workspace.h"

namespace tensorlane {

class Lane;

// One piece of work for a lane.
class Task {
 public:
  Task() = default;
  Task(const Task&) = delete;
  Task& operator=(const Task&) = delete;
  virtual ~Task() = default;

  virtual void run(Lane& lane) noexcept = 0;

  // What becomes of the task after run(), still on the lane's thread. By default it is destroyed there.
  virtual void finished(std::unique_ptr<Task> self) noexcept { self.reset(); }
};

class Lane {
 public:
  explicit Lane(std::size_t index) : index_(index) {}

  [[nodiscard]] std::size_t index() const noexcept { return index_; }
  [[nodiscard]] Workspace& workspace() noexcept { return workspace_; }

 private:
  friend class LanePool;

  struct Queued {
    std::uint64_t order;
    std::unique_ptr<Task> task;
  };

  std::size_t index_;
  Workspace workspace_;
  std::deque<Queued> queue_;      // guarded by LanePool::mutex_
  std::condition_variable wake_;  // waits on LanePool::mutex_
  bool idle_ = false;             // guarded by LanePool::mutex_
  std::thread thread_;
};

struct LaneCounters {
  std::size_t lanes = 0;
  std::size_t busy = 0;
  std::size_t queued = 0;
  std::uint64_t completed = 0;
};

class LanePool {
 public:
  static constexpr std::size_t kAnyLane = static_cast<std::size_t>(-1);

  // `niceness` (0 to 19, where the system has it) is how far the lanes stand back behind the process's other threads.
  explicit LanePool(std::size_t lanes, int niceness = 0);
  ~LanePool();
  LanePool(const LanePool&) = delete;
  LanePool& operator=(const LanePool&) = delete;

  // False, and the task is given back in place, when the pool has been stopped.
  [[nodiscard]] bool submit(std::unique_ptr<Task>& task, std::size_t lane = kAnyLane);

  // Discards what is queued, waits for what runs, joins the threads. May be called twice; not from a lane.
  void stop();

  [[nodiscard]] std::size_t size() const noexcept { return lanes_.size(); }
  [[nodiscard]] LaneCounters counters();

  // For the end of the process: no pool starts another task; true when no task is running any more, within
  // `milliseconds`.
  static bool quiesce_all(unsigned milliseconds) noexcept;

 private:
  void work(Lane& lane, int niceness);
  std::unique_ptr<Task> next(Lane& lane, std::unique_lock<std::mutex>& lock);

  std::mutex mutex_;
  std::condition_variable became_idle_;
  std::deque<Lane::Queued> common_;
  std::vector<std::unique_ptr<Lane>> lanes_;
  std::uint64_t next_order_ = 0;
  std::uint64_t completed_ = 0;
  std::size_t busy_ = 0;
  bool stopping_ = false;
};

}  // namespace tensorlane
