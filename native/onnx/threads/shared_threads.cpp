#include "onnx/threads/shared_threads.h"

#include "core/cores/cores.h"
#include "core/cores/niceness.h"
#include "core/cores/standing.h"
#include "core/error.h"
#include "core/thread_name.h"
#include "onnx/threads/threads.h"
#include "onnx/threads/unseen.h"

namespace tensorlane {
namespace {

using Clock = std::chrono::steady_clock;

thread_local bool is_watcher = false;

}  // namespace

SharedThreads::SharedThreads(unsigned cores, int niceness) : cores_(cores), niceness_(niceness), parking_(cores) {}

void* SharedThreads::create_thread(void* self, void (*work)(void*), void* argument) {
  auto& threads = *static_cast<SharedThreads*>(self);
  threads.helpers_.fetch_add(1);
  return ort::start_thread(threads.niceness_, work, argument);
}

std::unique_ptr<SharedThreads> SharedThreads::make(ort::Runtime& runtime, int niceness) {
  const ort::Api& api = runtime.api;
  const ort::Attempt starting(runtime, "starting ONNX Runtime");
  const unsigned cores = usable_cores();
  if (cores < 2) {
    starting(api.CreateEnv(ort::kLogFatal, "tensorlane", &runtime.env));
    return nullptr;
  }
  std::unique_ptr<SharedThreads> threads(new SharedThreads(cores, niceness));
  ort::OwnedThreadingOptions options(api);
  starting(api.CreateThreadingOptions(options.out()));
  starting(api.SetGlobalIntraOpNumThreads(options.get(), static_cast<int>(cores)));
  starting(api.SetGlobalInterOpNumThreads(options.get(), 1));
  starting(api.SetGlobalCustomCreateThreadFn(options.get(), create_thread));
  starting(api.SetGlobalCustomThreadCreationOptions(options.get(), threads.get()));
  starting(api.SetGlobalCustomJoinThreadFn(options.get(), ort::join_thread));
  starting(api.CreateEnvWithGlobalThreadPools(ort::kLogFatal, "tensorlane", options.get(), &runtime.env));
  // An environment that was there before is given as it is.
  if (threads->helpers_ != cores - 1) return nullptr;
  SharedThreads& self = *threads;
  try {
    self.model_ = std::make_unique<ParkModel>(
        runtime, cores,
        ParkModel::Occupation{[](void* of, std::size_t) { static_cast<SharedThreads*>(of)->stay(); }, &self});
  } catch (const Error&) {
    return nullptr;  // a build without operators of others
  }
  self.watcher_ = std::thread([&self] { self.park_again_and_again(); });
  return threads;
}

void SharedThreads::close() {
  {
    const std::lock_guard lock(mutex_);
    closed_ = true;
    ++released_;
  }
  released_.notify_all();
  wake_watch_.notify_all();
  if (watcher_.joinable()) watcher_.join();
}

SharedThreadsCounters SharedThreads::counters() {
  const std::lock_guard lock(mutex_);
  return {.helpers = cores_ - 1, .sleeping = sleeping_, .running = parking_.running(), .released = released_};
}

SharedThreads::Run::Run(SharedThreads* threads, std::atomic<bool>& is_long, bool alone)
    : threads_(threads), is_long_(is_long) {
  if (threads == nullptr) return;
  // Beside busy neighbours it does without: the helpers stand back for good, and one of them that had begun would be waited for.
  const bool helpers_come = threads->niceness_ == 0 || !busy_neighbours.load(std::memory_order_relaxed);
  wants_help_ = !alone && helpers_come && is_long.load(std::memory_order_relaxed);
  since_ = Clock::now();
  threads->entered(wants_help_, since_);
}

SharedThreads::Run::~Run() {
  if (threads_ == nullptr) return;
  const auto now = Clock::now();
  is_long_.store(Parking::is_long(now - since_, wants_help_), std::memory_order_relaxed);
  threads_->left(wants_help_, now);
}

void SharedThreads::entered(bool wants_help, Parking::Time now) {
  const std::lock_guard lock(mutex_);
  const bool was_parked = parking_.parked();
  parking_.entered(wants_help, now);
  changed(was_parked, wants_help);
}

void SharedThreads::left(bool wants_help, Parking::Time now) {
  const std::lock_guard lock(mutex_);
  const bool was_parked = parking_.parked();
  parking_.left(wants_help, now);
  changed(was_parked, false);
}

void SharedThreads::changed(bool was_parked, bool watch_is_needed) {
  const bool parked = parking_.parked();
  if (was_parked && !parked) {
    ++released_;
    released_.notify_all();
  }
  if ((!was_parked && parked) || (watch_is_needed && watch_sleeps_)) wake_watch_.notify_one();
}

void SharedThreads::park_again_and_again() {
  is_watcher = true;
  name_thread("lane-parking");
  // In front of the helpers it would wait for those in the library, which spins, on the core that they need to come.
  stand_back(niceness_);
  for (;;) {
    {
      std::unique_lock lock(mutex_);
      while (!closed_ && !parking_.parked()) watch(lock, released_);
      if (closed_) return;
    }
    try {
      model_->run();
    } catch (const Error&) {
      return;  // out of memory: nobody is parked any more
    }
  }
}

// Until somebody changes what is, or it is time to look again.
void SharedThreads::watch(std::unique_lock<std::mutex>& lock, std::uint32_t released) {
  const bool was_parked = parking_.parked();
  const auto again = parking_.look(Clock::now());
  changed(was_parked, false);
  if (was_parked != parking_.parked() || closed_ || released != released_) return;
  if (again.has_value()) {
    wake_watch_.wait_until(lock, *again);
    return;
  }
  watch_sleeps_ = true;
  wake_watch_.wait(lock);
  watch_sleeps_ = false;
}

// Parked until the next release. A thread that was busy may come late, when others have been let go and parked again.
void SharedThreads::stay() {
  const ort::Unseen::Seen seen;
  std::unique_lock lock(mutex_);
  if (closed_ || !parking_.parked()) return;
  const std::uint32_t released = released_;
  if (is_watcher) {
    while (released_ == released) watch(lock, released);
    return;
  }
  lock.unlock();
  ++sleeping_;
  released_.wait(released);
  --sleeping_;
}

}  // namespace tensorlane
