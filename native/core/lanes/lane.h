// Lanes: the threads that do all the work. The rules they keep:
//
// 1. A lane is one thread; what it owns (its workspace, and on a GPU its stream and handles) is touched by no other.
// 2. Tasks start in the order in which they were submitted: a task for one particular lane when that lane is free, a
//    task for any lane as soon as some lane is. A lane chooses the oldest of the heads of its own and the common queues.
//    One exception: small tasks (Task::small) that are for any lane do not wait behind large ones. While every lane that
//    could take them has a large one in hand, a lane of their own takes them, where the pool has such. It takes nothing
//    else, and is no lane that can be named.
// 3. Every accepted task ends exactly once: it runs, the device ends what it was handed, and the task is then handed to
//    Task::finished; or the pool is stopped first and it is destroyed unrun on the thread that stopped the pool.
// 4. The tasks of one lane that leave the device something to do end in the order in which they ran. One that leaves it
//    nothing ends as soon as it has run, whatever is pending.
// 5. No task starts after stop() was called, and none is unfinished once stop() has returned.
// 6. A lane that has nothing to do sleeps. Before that it polls for a moment, for work or for its device: only where
//    that came so soon the last time, and only while a core is left over for the threads that bring work. One that has
//    ended what it had looks for a task before that: whoever submits one meanwhile wakes no other for it.
// 7. Where nobody said how far it stands back, it does so as far as its neighbours leave it a core (standing.h). To come
//    forward again, its thread gives its place to another one between two tasks.
#pragma once

#include <atomic>
#include <chrono>
#include <condition_variable>
#include <cstddef>
#include <cstdint>
#include <deque>
#include <functional>
#include <memory>
#include <mutex>
#include <optional>
#include <thread>
#include <vector>

#include "core/cores/standing.h"
#include "core/lanes/lane_state.h"
#include "core/memory/workspace.h"

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

  // Whether it uses the device. One that does not (it gives something back, say) waits for nothing that is pending
  // there and is not counted with it.
  [[nodiscard]] virtual bool needs_device() const noexcept { return true; }

  // Of one that does: whether run() only hands work to the device, so that it may come while the tasks before it are
  // still pending there. A task that waits for the device itself would keep them from being finished.
  [[nodiscard]] virtual bool pipelines() const noexcept { return false; }

  // Whether it takes a few milliseconds at most and waits for no other task, as far as can be told when it is
  // submitted, which is when it is asked.
  [[nodiscard]] virtual bool small() const noexcept { return false; }

  // After run(), when what it put on the device is there for others to wait for.
  virtual void handed_over() noexcept {}

  // Once the device has done what run() handed it, if it handed it anything; on the lane's thread.
  virtual void completed(Pending& pending) noexcept;

  // What becomes of the task when all is done, still on the lane's thread. By default it is destroyed there.
  virtual void finished(std::unique_ptr<Task> self) noexcept { self.reset(); }

 private:
  friend class LanePool;
  bool is_small_ = false;  // what small() said
};

class Lane {
 public:
  explicit Lane(std::size_t index) : index_(index) {}

  [[nodiscard]] std::size_t index() const noexcept { return index_; }
  // In host memory.
  [[nodiscard]] Workspace& workspace() noexcept { return workspace_; }
  // Null where the device has none.
  [[nodiscard]] LaneState* state() noexcept { return state_.get(); }

 private:
  friend class LanePool;

  struct Queued {
    std::uint64_t order;
    std::chrono::steady_clock::time_point since;
    std::unique_ptr<Task> task;
  };

  struct Unfinished {
    std::unique_ptr<Task> task;
    std::unique_ptr<Pending> pending;
  };

  std::size_t index_;
  bool serves_common_ = true;  // takes tasks that are for any lane

  // Of the lane's thread alone.
  Workspace workspace_;
  std::unique_ptr<LaneState> state_;
  std::deque<Unfinished> unfinished_;  // oldest first
  bool stirred_ = false;               // has used the device since it last gave back what only a busy lane needs
  bool work_came_soon_ = false;        // the last time it had to wait for a task: within the time that it polls
  bool device_came_soon_ = false;      // the last time it had to wait for its device

  // Guarded by LanePool::mutex_.
  std::deque<Queued> queue_;
  bool idle_ = false;          // and on nobody's mind: whoever submits a task for it must wake it, and says so here
  bool polls_ = false;         // looks at called_, so that waking it takes no more than setting that
  bool returns_ = false;       // has ended all it had, and will look for a task next
  std::size_t in_flight_ = 0;  // tasks taken and not finished
  std::size_t large_ = 0;      // of them: those that are not small
  std::chrono::steady_clock::time_point busy_since_{};  // where in_flight_ is not 0
  std::condition_variable wake_;

  std::atomic<bool> called_{false};  // set under LanePool::mutex_, read without
  std::thread thread_;
};

// One caller's next request comes some 100 us after its last answer: with 30 us a lane falls asleep before it. One caller's time
// beside onnxruntime-node's (`npm run bench -- latency`, dense 4x2048) was 1.28 with none, 1.28 with 30 us, 1.14 with 200.
inline constexpr std::chrono::microseconds kPollWork{200};
inline constexpr std::chrono::microseconds kPollDevice{30};

struct LaneCounters {
  std::size_t lanes = 0;
  std::size_t busy = 0;
  std::size_t queued = 0;
  std::uint64_t completed = 0;
  std::uint64_t expedited = 0;            // of them: small ones that the lane of their own took
  std::chrono::nanoseconds busy_time{0};  // of all lanes together, but for that one, which `lanes` and `busy` leave out
  std::chrono::nanoseconds waited{0};     // of all tasks together, those that are queued until now
  std::size_t idle = 0;                   // lanes that the next task may be given to
  std::size_t polling = 0;                // lanes
  std::uint64_t woken = 0;                // how often a lane that slept was woken for a task
};

struct LaneOptions {
  std::size_t lanes = 1;
  // The last so many of the lanes have a higher priority: they take no task that is for any lane (unless all of them
  // are such), and stand back behind no other thread.
  std::size_t high_priority = 0;
  // 0 to 19, where the system has it: how far the other lanes stand back behind the process's other threads; or as it is
  // best, for lanes without a state.
  static constexpr int kAsIsBest = -1;
  int niceness = 0;
  // One more lane, for small tasks alone. It has no state.
  bool small_lane = false;
  // What a lane goes by then; asked on its thread.
  std::function<std::optional<Share>()> share = share_of_thread;
  // How long a lane polls for its next task, and for its device, before it sleeps. 0: not at all.
  std::chrono::nanoseconds poll_work = kPollWork;
  std::chrono::nanoseconds poll_device = kPollDevice;
  // After how long without work a lane gives back what only a busy one needs.
  std::chrono::nanoseconds idle_after = std::chrono::seconds(1);
  // Makes a lane's state, on its thread; none where it is empty or gives null.
  std::function<std::unique_ptr<LaneState>(std::size_t lane)> state{};
};

class LanePool {
 public:
  static constexpr std::size_t kAnyLane = static_cast<std::size_t>(-1);
  // The lane of small tasks, for who waits until it has done what it took; any lane where there is none.
  static constexpr std::size_t kSmallLane = static_cast<std::size_t>(-2);

  // Throws what making a lane's state throws.
  explicit LanePool(const LaneOptions& options);
  explicit LanePool(std::size_t lanes, int niceness = 0)
      : LanePool(LaneOptions{.lanes = lanes, .niceness = niceness}) {}
  ~LanePool();
  LanePool(const LanePool&) = delete;
  LanePool& operator=(const LanePool&) = delete;

  // False, and the task is given back in place, when the pool has been stopped.
  [[nodiscard]] bool submit(std::unique_ptr<Task>& task, std::size_t lane = kAnyLane);

  // Discards what is queued, waits for what runs, joins the threads. May be called twice; not from a lane.
  void stop();

  [[nodiscard]] std::size_t size() const noexcept { return lanes_.size(); }
  // The first so many take tasks that are for any lane.
  [[nodiscard]] std::size_t common() const noexcept;
  [[nodiscard]] LaneCounters counters();

  // For the end of the process: no pool starts another task; true when no task is running any more, within
  // `milliseconds`.
  static bool quiesce_all(unsigned milliseconds) noexcept;

 private:
  // Each on the lane's thread. Without the lock: these take it where they need it.
  void serve(Lane& lane, int niceness);
  // One thread after the other in the lane's place.
  void keep(Lane& lane);
  // True: another thread is to go on.
  bool work(Lane& lane, int niceness);
  void run(Lane& lane, std::unique_ptr<Task> task);
  void finish_oldest(Lane& lane);
  void finish(Lane& lane, std::unique_ptr<Task> task);

  // With the lock.
  std::unique_ptr<Task> take(Lane& lane);
  [[nodiscard]] std::deque<Lane::Queued>* oldest_for(Lane& lane) noexcept;
  // These let go of the lock meanwhile.
  void rest(Lane& lane, std::unique_lock<std::mutex>& lock);
  void give_back(Lane& lane, std::unique_lock<std::mutex>& lock);
  void await_device(Lane& lane, std::unique_lock<std::mutex>& lock);
  enum class Polled { Nothing, Called, Arrived };
  // Until the lane is called, or `arrived` says so, or the time is over.
  template <typename Arrived>
  Polled poll(Lane& lane, std::unique_lock<std::mutex>& lock, std::chrono::nanoseconds longest, Arrived arrived);

  // On any thread, with the lock. Whether its wake_ has to be notified as well, for which the lock is not needed.
  [[nodiscard]] static bool call(Lane& lane) noexcept;
  [[nodiscard]] Lane* idle_lane() const noexcept;
  // Whether as many lanes return as tasks are queued for any lane.
  [[nodiscard]] bool enough_return() const noexcept;
  // Whether small tasks would wait behind large ones on every lane that takes tasks for any lane.
  [[nodiscard]] bool all_have_large() const noexcept;

  const std::chrono::nanoseconds poll_work_;
  const std::chrono::nanoseconds poll_device_;
  const std::chrono::nanoseconds idle_after_;
  const std::function<std::optional<Share>()> share_;
  std::vector<std::unique_ptr<Lane>> lanes_;  // the same from the constructor on
  const std::unique_ptr<Lane> small_lane_;    // null: there is none

  std::mutex
      mutex_;  // guards what follows, and what Lane says of itself; waited on by became_idle_ and each lane's wake_
  std::condition_variable became_idle_;
  std::deque<Lane::Queued> common_;
  std::deque<Lane::Queued> small_;  // those for any lane that are small
  std::uint64_t next_order_ = 0;
  std::uint64_t completed_ = 0;
  std::uint64_t expedited_ = 0;
  std::chrono::nanoseconds busy_time_{0};  // of lanes that are not busy now
  std::chrono::nanoseconds waited_{0};     // of tasks that are not queued any more
  std::uint64_t woken_ = 0;
  std::size_t in_flight_ = 0;
  bool stopping_ = false;
};

}  // namespace tensorlane
