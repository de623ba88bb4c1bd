#include "core/lanes/timer.h"

#include <doctest/doctest.h>

#include <algorithm>
#include <atomic>
#include <chrono>
#include <functional>
#include <map>
#include <mutex>
#include <random>
#include <thread>
#include <utility>
#include <vector>

#include "support/tasks.h"

using namespace tensorlane;
using namespace tensorlane::test;
using std::chrono::hours;
using std::chrono::microseconds;
using std::chrono::milliseconds;
using std::chrono::nanoseconds;

namespace {

// A timer that remembers what fired, and when.
class Recorder {
 public:
  struct Shot {
    Timer::Id id;
    Timer::Clock::time_point at;
  };

  // `before` is called first thing when a timer fires.
  explicit Recorder(std::function<void()> before = {})
      : timer([this, before = std::move(before)](Timer::Id id) {
          if (before) before();
          {
            const std::lock_guard lock(mutex_);
            shots_.push_back({id, Timer::Clock::now()});
          }
          fired.add();
        }) {}

  std::vector<Shot> shots() {
    const std::lock_guard lock(mutex_);
    return shots_;
  }

  std::size_t shots_of(Timer::Id id) {
    const std::vector<Shot> all = shots();
    return static_cast<std::size_t>(std::ranges::count(all, id, &Shot::id));
  }

 private:
  std::mutex mutex_;
  std::vector<Shot> shots_;

 public:
  Count fired;
  Timer timer;  // last, so that it stops before what it writes to goes away
};

}  // namespace

TEST_CASE("a timer fires once") {
  Recorder recorder;
  const Timer::Id id = recorder.timer.schedule(milliseconds(1));
  REQUIRE_MESSAGE(recorder.fired.wait_for(1), "the timer did not fire");
  std::this_thread::sleep_for(milliseconds(10));
  CHECK(recorder.shots().size() == 1);
  CHECK(recorder.shots_of(id) == 1);
}

TEST_CASE("timers without a delay, or due already, fire too") {
  Recorder recorder;
  recorder.timer.schedule(nanoseconds(0));
  recorder.timer.schedule(milliseconds(-5));
  CHECK(recorder.fired.wait_for(2));
}

TEST_CASE("timers fire in the order of their deadlines, not of their scheduling") {
  Recorder recorder;
  std::vector<std::pair<int, Timer::Id>> expected;
  // Far enough from each other that the order of the deadlines does not hang on how long scheduling takes.
  for (const int step : {4, 1, 5, 0, 3, 2}) {
    expected.emplace_back(step, recorder.timer.schedule(milliseconds(100 + 40 * step)));
  }
  std::ranges::sort(expected);
  REQUIRE(recorder.fired.wait_for(expected.size()));
  const auto shots = recorder.shots();
  REQUIRE(shots.size() == expected.size());
  for (std::size_t i = 0; i < shots.size(); ++i) {
    CAPTURE(i);
    CHECK(shots[i].id == expected[i].second);
    if (i > 0) CHECK_MESSAGE(shots[i].at >= shots[i - 1].at, "fired earlier than the one before it");
  }
}

TEST_CASE("an earlier deadline is not kept waiting by a later one") {
  Recorder recorder;
  const Timer::Id late = recorder.timer.schedule(hours(1));
  std::this_thread::sleep_for(milliseconds(5));  // the thread now sleeps for an hour
  const Timer::Id soon = recorder.timer.schedule(milliseconds(1));
  REQUIRE_MESSAGE(recorder.fired.wait_for(1), "the timer slept through an earlier deadline");
  CHECK(recorder.shots().front().id == soon);
  CHECK(recorder.timer.cancel(late));
}

TEST_CASE("delays below a millisecond: never before the deadline, and not rounded up to one") {
  Recorder recorder;
  auto fastest = Timer::Clock::duration::max();
  for (std::size_t i = 0; i < 200; ++i) {
    CAPTURE(i);
    // Two that are due shortly after each other: reaching the first deadline is no reason to fire the second.
    const microseconds delay(50 + 10 * (i % 40));
    const microseconds longer = delay + microseconds(1 + i % 30);
    const auto start = Timer::Clock::now();
    recorder.timer.schedule(delay);
    const auto start_of_longer = Timer::Clock::now();
    const Timer::Id id_of_longer = recorder.timer.schedule(longer);
    REQUIRE(recorder.fired.wait_for(2 * i + 2));
    const auto shots = recorder.shots();
    for (std::size_t shot = 2 * i; shot < 2 * i + 2; ++shot) {
      const bool is_longer = shots[shot].id == id_of_longer;
      const nanoseconds expected = is_longer ? longer : delay;
      const nanoseconds took = shots[shot].at - (is_longer ? start_of_longer : start);
      REQUIRE_MESSAGE(took >= expected, "fired " << (expected - took).count() << " ns before its deadline");
      fastest = std::min(fastest, took - expected);
    }
  }
  // Of 400, one at least is not held up by a busy machine.
  CHECK_MESSAGE(fastest < microseconds(400), "the nearest came " << fastest.count() << " ns late");
}

TEST_CASE("cancel() says whether the timer was stopped, and is right") {
  Recorder recorder;
  const Timer::Id kept = recorder.timer.schedule(milliseconds(20));
  const Timer::Id cancelled = recorder.timer.schedule(milliseconds(10));
  CHECK(recorder.timer.cancel(cancelled));
  CHECK_FALSE_MESSAGE(recorder.timer.cancel(cancelled), "cancelled twice");
  CHECK_FALSE_MESSAGE(recorder.timer.cancel(kept + 1000), "cancelled what was never scheduled");
  REQUIRE(recorder.fired.wait_for(1));
  CHECK_FALSE_MESSAGE(recorder.timer.cancel(kept), "cancelled after it had fired");
  CHECK(recorder.shots_of(kept) == 1);
  CHECK(recorder.shots_of(cancelled) == 0);
}

TEST_CASE("cancelling against a deadline that is being reached: cancelled or fired, never both") {
  // What fires takes its time, so that there is an in-between for cancel() to fall into.
  Recorder recorder([] { std::this_thread::sleep_for(microseconds(30)); });
  std::mt19937 random(5);
  std::size_t stopped = 0;
  for (int i = 0; i < 500; ++i) {
    CAPTURE(i);
    const Timer::Id id = recorder.timer.schedule(microseconds(random() % 150));
    const auto until = Timer::Clock::now() + microseconds(random() % 150);
    while (Timer::Clock::now() < until) std::this_thread::yield();
    if (recorder.timer.cancel(id)) {
      ++stopped;
      REQUIRE_MESSAGE(recorder.shots_of(id) == 0, "fired, and yet cancelled");
    } else {
      REQUIRE_MESSAGE(recorder.shots_of(id) == 1, "not cancelled, but not fired by then either");
    }
  }
  std::this_thread::sleep_for(milliseconds(5));
  CHECK_MESSAGE(recorder.shots().size() == 500 - stopped, "a timer fired after cancel() had returned");
}

TEST_CASE("stop() leaves pending timers unfired, and may come twice") {
  Recorder recorder;
  for (int i = 0; i < 50; ++i) recorder.timer.schedule(milliseconds(30 + i));
  const Timer::Id id = recorder.timer.schedule(hours(1));
  recorder.timer.stop();
  const std::size_t fired = recorder.shots().size();
  CHECK_FALSE(recorder.timer.cancel(id));
  std::this_thread::sleep_for(milliseconds(100));
  CHECK_MESSAGE(recorder.shots().size() == fired, "a timer fired after stop() had returned");
  recorder.timer.stop();
  recorder.timer.schedule(nanoseconds(0));  // allowed, to no effect
  std::this_thread::sleep_for(milliseconds(5));
  CHECK(recorder.shots().size() == fired);
}

TEST_CASE("a timer that was never used stops") {
  for (int i = 0; i < 100; ++i) const Timer timer([](Timer::Id) {});
}

TEST_CASE("threads schedule and cancel at once: every timer ends in one way") {
  constexpr std::size_t kThreads = 3;
  constexpr std::size_t kEach = 800;
  struct Mine {
    std::vector<Timer::Id> kept, cancelled, missed;
  };
  std::vector<Mine> mine(kThreads);
  Recorder recorder;
  std::vector<std::thread> threads;
  for (std::size_t t = 0; t < kThreads; ++t) {
    threads.emplace_back([&, t] {
      std::mt19937 random(static_cast<unsigned>(t));
      for (std::size_t i = 0; i < kEach; ++i) {
        const Timer::Id id = recorder.timer.schedule(microseconds(random() % 3000));
        if (random() % 2 == 0) {
          mine[t].kept.push_back(id);
          continue;
        }
        if (random() % 4 == 0) std::this_thread::yield();
        (recorder.timer.cancel(id) ? mine[t].cancelled : mine[t].missed).push_back(id);
      }
    });
  }
  for (auto& thread : threads) thread.join();
  std::size_t expected = 0;
  for (const Mine& one : mine) expected += one.kept.size() + one.missed.size();
  REQUIRE_MESSAGE(recorder.fired.wait_for(expected), recorder.fired.value() << " fired, of " << expected);
  std::this_thread::sleep_for(milliseconds(5));
  std::map<Timer::Id, int> count;
  for (const auto& shot : recorder.shots()) ++count[shot.id];
  for (const Mine& one : mine) {
    for (const Timer::Id id : one.kept) CHECK_MESSAGE(count[id] == 1, "timer " << id << " fired " << count[id] << "x");
    for (const Timer::Id id : one.missed)
      CHECK_MESSAGE(count[id] == 1, "timer " << id << " fired " << count[id] << "x");
    for (const Timer::Id id : one.cancelled) CHECK_MESSAGE(count[id] == 0, "cancelled timer " << id << " fired");
  }
}
