#include "core/lanes/lane.h"

#include <algorithm>
#include <chrono>
#include <exception>
#include <future>
#include <optional>
#include <system_error>
#include <utility>

#include "core/cores/cores.h"
#include "core/cores/niceness.h"
#include "core/thread_name.h"

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

using Clock = std::chrono::steady_clock;

// The lanes of this process that do not sleep.
std::atomic<unsigned> awake{0};

// One core is for whoever brings the work: the JS thread.
bool core_to_spare() noexcept {
  static const unsigned cores = usable_cores();
  return awake.load(std::memory_order_relaxed) < cores;
}

// How often a lane asks whether it has its share of the cores.
constexpr std::chrono::milliseconds kLook{20};
// What it stands back by where the system does not tell: it lets the others through, and has a quarter of a core that
// another process keeps busy.
constexpr int kUntold = 5;

// How far the calling thread stands back, as is best at the moment.
class Place {
 public:
  explicit Place(const std::function<std::optional<Share>()>& share_of) : share_of_(share_of) {
    if (const auto share = share_of_(); share.has_value()) {
      standing_.emplace(usable_cores(), *share);
    } else {
      stand_back(kUntold);
    }
  }

  // After some work. True: it should be another thread's.
  bool look() {
    if (!standing_.has_value()) return false;
    const auto now = Clock::now();
    if (now - last_ < kLook) return false;
    last_ = now;
    const auto share = share_of_();
    if (!share.has_value()) return false;
    const Standing::Step step = standing_->look(*share);
    busy_neighbours.store(standing_->has_neighbours(), std::memory_order_relaxed);
    if (step == Standing::Step::Back) stand_back(Standing::kBack);
    return step == Standing::Step::Forward;
  }

 private:
  const std::function<std::optional<Share>()>& share_of_;
  std::optional<Standing> standing_;
  Clock::time_point last_ = Clock::now();
};

// Lets the other thread of a core go on, for some ten nanoseconds.
void pause() noexcept {
#if defined(__x86_64__) || defined(__i386__)
  __builtin_ia32_pause();
#elif defined(__aarch64__)
  asm volatile("isb");
#endif
}

}  // namespace

void Task::completed(Pending& pending) noexcept {
  try {
    pending.complete();
  } catch (...) {
    // A task that nobody waits for has nobody to tell.
  }
}

LanePool::LanePool(const LaneOptions& options)
    : poll_work_(options.poll_work),
      poll_device_(options.poll_device),
      idle_after_(options.idle_after),
      share_(options.share),
      small_lane_(options.small_lane ? std::make_unique<Lane>(options.lanes) : nullptr) {
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
        serve(lane, niceness);
        lane.state_.reset();
      });
    }
    if (small_lane_ != nullptr) {
      small_lane_->thread_ = std::thread([this, niceness = options.niceness] { serve(*small_lane_, niceness); });
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
  Lane* lane = nullptr;
  bool wakes = false;
  const bool small = task->is_small_ = task->small();
  const auto now = Clock::now();
  {
    const std::lock_guard lock(mutex_);
    if (stopping_) return false;
    if (index == kSmallLane) {
      lane = small_lane_.get();
    } else if (index != kAnyLane) {
      lane = lanes_.at(index).get();
    }
    auto& queue = lane != nullptr ? lane->queue_ : (small ? small_ : common_);
    queue.push_back({next_order_++, now, std::move(task)});
    if (lane == nullptr && small && all_have_large()) lane = small_lane_.get();
    if (lane == nullptr && !enough_return()) lane = idle_lane();
    if (lane != nullptr) wakes = call(*lane);
    if (wakes) ++woken_;
  }
  if (wakes) lane->wake_.notify_one();
  return true;
}

// Of the idle lanes that take common tasks: one that polls, for it need not be woken, else the lowest, so that under
// light load the same thread, with its warm cache, gets all the work. Where none is idle, one that polls for its
// device.
Lane* LanePool::idle_lane() const noexcept {
  Lane* lowest = nullptr;
  Lane* polls = nullptr;
  for (const auto& lane : lanes_) {
    if (!lane->serves_common_) continue;
    if (lane->idle_ && lane->polls_) return lane.get();
    if (lane->idle_ && lowest == nullptr) lowest = lane.get();
    if (lane->polls_ && polls == nullptr) polls = lane.get();
  }
  return lowest != nullptr ? lowest : polls;
}

// Who brings work is often told by a lane that it has ended, and on a core of its own brings more before that lane has come
// back: another that is woken then would go on taking turns with it, each as cold as the other.
std::size_t LanePool::common() const noexcept {
  return static_cast<std::size_t>(std::ranges::count_if(lanes_, [](const auto& lane) { return lane->serves_common_; }));
}

bool LanePool::enough_return() const noexcept {
  const auto returning = std::ranges::count_if(
      lanes_, [](const auto& lane) { return lane->returns_ && lane->serves_common_ && lane->queue_.empty(); });
  return static_cast<std::size_t>(returning) >= common_.size() + small_.size();
}

// Taken off the idle list here, not when it wakes, so that the next submit calls another.
bool LanePool::call(Lane& lane) noexcept {
  const bool sleeps = lane.idle_ && !lane.polls_;
  if (lane.polls_) lane.called_.store(true, std::memory_order_release);
  lane.idle_ = false;
  return sleeps;
}

bool LanePool::all_have_large() const noexcept {
  return std::ranges::none_of(lanes_, [](const auto& lane) { return lane->serves_common_ && lane->large_ == 0; });
}

// The one of the queues that a lane may take from whose head is the oldest, or null where all are empty. Small tasks
// are left to their own lane where they would wait for what this one has handed to the device.
std::deque<Lane::Queued>* LanePool::oldest_for(Lane& lane) noexcept {
  std::deque<Lane::Queued>* oldest = lane.queue_.empty() ? nullptr : &lane.queue_;
  const auto consider = [&](std::deque<Lane::Queued>& queue) {
    if (queue.empty()) return;
    if (oldest == nullptr || queue.front().order < oldest->front().order) oldest = &queue;
  };
  if (&lane == small_lane_.get()) {
    if (all_have_large()) consider(small_);
  } else if (lane.serves_common_) {
    consider(common_);
    if (lane.large_ == 0 || small_lane_ == nullptr) consider(small_);
  }
  return oldest;
}

std::unique_ptr<Task> LanePool::take(Lane& lane) {
  lane.returns_ = false;
  if (stopping_) return nullptr;
  std::deque<Lane::Queued>* const found = oldest_for(lane);
  if (found == nullptr) return nullptr;
  auto& queue = *found;
  // One that has to wait for what is pending here stays queued: stop() discards it there, and where it is for any lane
  // another may take it.
  const Task& next = *queue.front().task;
  const std::size_t keep = next.pipelines() ? kMostUnfinished - 1 : 0;
  if (next.needs_device() && lane.unfinished_.size() > keep) return nullptr;
  std::unique_ptr<Task> task = std::move(queue.front().task);
  const auto now = Clock::now();
  waited_ += now - queue.front().since;
  queue.pop_front();
  if (lane.in_flight_ == 0) lane.busy_since_ = now;
  ++lane.in_flight_;
  ++in_flight_;
  if (!task->is_small_) {
    ++lane.large_;
    // Those that counted on this lane.
    if (!small_.empty() && small_lane_ != nullptr && all_have_large() && call(*small_lane_)) {
      small_lane_->wake_.notify_one();
    }
  }
  return task;
}

void LanePool::serve(Lane& lane, int niceness) {
  if (niceness == LaneOptions::kAsIsBest && lane.state_ == nullptr) {
    keep(lane);
  } else {
    work(lane, std::max(niceness, 0));
  }
}

// This thread never stands back, so that those it makes do not either: a thread begins as the one that made it is.
void LanePool::keep(Lane& lane) {
  name_thread("lane-keeper");
  for (bool again = true; again;) {
    std::thread worker;
    try {
      worker = std::thread([&] { again = work(lane, LaneOptions::kAsIsBest); });
    } catch (const std::system_error&) {
      work(lane, kUntold);  // the system has no more threads
      return;
    }
    worker.join();
  }
}

bool LanePool::work(Lane& lane, int niceness) {
  name_thread("lane");
  std::optional<Place> place;
  if (niceness == LaneOptions::kAsIsBest) {
    place.emplace(share_);
  } else {
    stand_back(niceness);
  }
  bool goes_on = false;
  awake.fetch_add(1, std::memory_order_relaxed);
  std::unique_lock lock(mutex_);
  for (;;) {
    std::unique_ptr<Task> task = take(lane);
    if (task != nullptr) {
      lock.unlock();
      run(lane, std::move(task));
      goes_on = place.has_value() && place->look() && lane.unfinished_.empty();
      lock.lock();
      if (goes_on) break;
    } else if (!lane.unfinished_.empty()) {
      await_device(lane, lock);
    } else if (!stopping_) {
      rest(lane, lock);
    } else {
      break;
    }
  }
  awake.fetch_sub(1, std::memory_order_relaxed);
  return goes_on;
}

// Until something was submitted, or the lane was called for nothing: another may have taken the task first, and a lane
// that finds none must go back on the idle list. So there is no predicate here.
void LanePool::rest(Lane& lane, std::unique_lock<std::mutex>& lock) {
  const auto since = Clock::now();
  lane.idle_ = true;
  if (lane.work_came_soon_ && poll(lane, lock, poll_work_, [] { return false; }) != Polled::Nothing) return;
  bool timed_out = false;
  if (lane.idle_ && !stopping_) {
    awake.fetch_sub(1, std::memory_order_relaxed);
    if (lane.stirred_) {
      timed_out = lane.wake_.wait_until(lock, since + idle_after_) == std::cv_status::timeout && lane.idle_;
    } else {
      lane.wake_.wait(lock);
    }
    awake.fetch_add(1, std::memory_order_relaxed);
  }
  lane.idle_ = false;
  lane.work_came_soon_ = Clock::now() - since <= poll_work_;
  if (timed_out) give_back(lane, lock);
}

// The lane is not on the idle list meanwhile: others are called first, for giving back gigabytes takes a while.
void LanePool::give_back(Lane& lane, std::unique_lock<std::mutex>& lock) {
  lock.unlock();  // whoever submits waits for this mutex
  lane.workspace_.trim(kIdleWorkspaceBytes);
  if (lane.state_ != nullptr) lane.state_->idle();
  lane.stirred_ = false;
  lock.lock();
}

// Until the oldest task is finished, or something was submitted that may be handed over before that. While the lane
// sleeps here nothing is: what is submitted then waits until the oldest task has ended.
void LanePool::await_device(Lane& lane, std::unique_lock<std::mutex>& lock) {
  const auto since = Clock::now();
  Pending& oldest = *lane.unfinished_.front().pending;
  if (lane.device_came_soon_ && poll(lane, lock, poll_device_, [&] { return oldest.done(); }) == Polled::Called) return;
  lock.unlock();
  awake.fetch_sub(1, std::memory_order_relaxed);
  oldest.wait();
  awake.fetch_add(1, std::memory_order_relaxed);
  lane.device_came_soon_ = Clock::now() - since <= poll_device_;
  finish_oldest(lane);
  lock.lock();
}

template <typename Arrived>
LanePool::Polled LanePool::poll(Lane& lane, std::unique_lock<std::mutex>& lock, std::chrono::nanoseconds longest,
                                Arrived arrived) {
  if (longest.count() <= 0 || !core_to_spare()) return Polled::Nothing;
  lane.called_.store(false, std::memory_order_relaxed);
  lane.polls_ = true;
  lock.unlock();
  constexpr int kPauses = 32;  // between two looks at the clock or the device, which cost more than one at a flag
  const auto until = Clock::now() + longest;
  bool called = false;
  bool here = false;
  do {
    for (int i = 0; i < kPauses && !called; ++i) {
      pause();
      called = lane.called_.load(std::memory_order_acquire);
    }
    here = !called && arrived();
  } while (!called && !here && Clock::now() < until);
  lock.lock();
  lane.polls_ = false;
  if (lane.called_.load(std::memory_order_relaxed)) return Polled::Called;
  return here ? Polled::Arrived : Polled::Nothing;
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
    lane.returns_ = lane.in_flight_ == 0;
    if (!task->is_small_) --lane.large_;
    if (&lane == small_lane_.get()) {
      ++expedited_;
    } else if (lane.in_flight_ == 0) {
      busy_time_ += Clock::now() - lane.busy_since_;
    }
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
    const auto discard = [&](std::deque<Lane::Queued>& queue) {
      for (auto& queued : queue) discarded.push_back(std::move(queued.task));
      queue.clear();
    };
    const auto end = [&](Lane& lane) {
      discard(lane.queue_);
      lane.called_.store(true, std::memory_order_release);
      lane.wake_.notify_all();
    };
    discard(common_);
    discard(small_);
    for (auto& lane : lanes_) end(*lane);
    if (small_lane_ != nullptr) end(*small_lane_);
  }
  // Destroying a task that would have signalled an event signals it, so a lane that waits for it is let go before the
  // join.
  discarded.clear();
  for (auto& lane : lanes_) {
    if (lane->thread_.joinable()) lane->thread_.join();
  }
  if (small_lane_ != nullptr && small_lane_->thread_.joinable()) small_lane_->thread_.join();
}

LaneCounters LanePool::counters() {
  const std::lock_guard lock(mutex_);
  LaneCounters counters{.lanes = lanes_.size(),
                        .completed = completed_,
                        .expedited = expedited_,
                        .busy_time = busy_time_,
                        .waited = waited_,
                        .woken = woken_};
  const auto now = Clock::now();
  const auto add_queued = [&](const std::deque<Lane::Queued>& queue) {
    counters.queued += queue.size();
    for (const Lane::Queued& queued : queue) counters.waited += now - queued.since;
  };
  add_queued(common_);
  add_queued(small_);
  if (small_lane_ != nullptr) add_queued(small_lane_->queue_);
  for (const auto& lane : lanes_) {
    add_queued(lane->queue_);
    if (lane->in_flight_ > 0) {
      ++counters.busy;
      counters.busy_time += now - lane->busy_since_;
    }
    if (lane->idle_) ++counters.idle;
    if (lane->polls_) ++counters.polling;
  }
  return counters;
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
