// How lanes wait: they come back from a task and look for another, poll before they sleep, where that helped the last time, and fall idle after a while. Times are
// set so long or so short that only what is done counts, not when.
#include <doctest/doctest.h>

#include <algorithm>
#include <array>
#include <atomic>
#include <chrono>
#include <functional>
#include <memory>
#include <string>
#include <thread>
#include <utility>

#include "core/lanes/lane.h"
#include "support/lane_state.h"
#include "support/tasks.h"

using namespace tensorlane;
using namespace tensorlane::test;

namespace {

constexpr std::chrono::hours kForEver{1};
constexpr std::chrono::nanoseconds kNever{0};

// A lane polls only where a core is left over.
bool one_core() { return std::thread::hardware_concurrency() < 2; }

LaneOptions polling(std::size_t lanes) {
  return {.lanes = lanes, .poll_work = kForEver, .poll_device = kForEver, .idle_after = kForEver};
}

// Runs one task and waits until it has ended; the lane it ran on.
std::size_t run_one(LanePool& pool, std::size_t index = LanePool::kAnyLane) {
  const std::uint64_t before = pool.counters().completed;
  std::atomic<std::size_t> ran_on{0};
  if (!submit(pool, [&](Lane& lane) { ran_on = lane.index(); }, index)) return LanePool::kAnyLane;
  if (!eventually([&] { return pool.counters().completed > before; })) return LanePool::kAnyLane;
  return ran_on;
}

// A lane that polls for its device as long as it takes, and three tasks for it.
struct DevicePoll {
  States states;
  Journal journal;
  std::array<HandedWork, 3> work;
  LanePool pool{options(states)};

  static LaneOptions options(States& states) {
    LaneOptions options = with_fake_states(1, states);
    options.poll_device = kForEver;
    return options;
  }

  bool give(std::size_t i, bool pipelines) {
    std::unique_ptr<Task> task = std::make_unique<DeviceTask>(std::to_string(i), journal, &work.at(i), pipelines);
    return pool.submit(task);
  }

  // Task 0 has ended at once, so that there is reason to poll; task 1 is with the device.
  bool begin() {
    work[0].done.open();
    return give(0, true) && eventually([&] { return has(journal, "finished 0"); }) && give(1, true);
  }
};

// Once it is over, its lane does this before it looks for another task.
class Then : public Task {
 public:
  Then(std::function<void(Lane&)> work, std::function<void()> then) : work_(std::move(work)), then_(std::move(then)) {}
  void run(Lane& lane) noexcept override { work_(lane); }
  void finished(std::unique_ptr<Task> self) noexcept override {
    then_();
    self.reset();
  }

 private:
  std::function<void(Lane&)> work_;
  std::function<void()> then_;
};

}  // namespace

TEST_CASE("a lane that polls is given its task without being woken, and no other lane is") {
  if (one_core()) return;
  LanePool pool(polling(3));
  REQUIRE(eventually([&] { return pool.counters().idle == 3; }));  // one that has just begun takes what it finds
  const std::size_t first = run_one(pool);
  REQUIRE_MESSAGE(eventually([&] { return pool.counters().polling == 1; }), "no lane polls after its task");
  const std::uint64_t woken = pool.counters().woken;
  for (int i = 0; i < 100; ++i) {
    const std::size_t lane = run_one(pool);
    CHECK_MESSAGE(lane == first, "the task ran on lane " << lane << ", while lane " << first << " polled");
    REQUIRE(eventually([&] { return pool.counters().polling == 1; }));
  }
  CHECK(pool.counters().woken == woken);
  // The lanes that sleep are there when one does not suffice.
  Gate gate;
  REQUIRE(occupy(pool, first, gate));
  CHECK(run_one(pool) != first);
  gate.open();
}

TEST_CASE("a lane that does not poll sleeps, and is woken for each task") {
  LaneOptions options = polling(1);
  options.poll_work = kNever;
  LanePool pool(options);
  for (std::uint64_t woken = 1; woken <= 3; ++woken) {
    CHECK(eventually([&] { return run_one(pool) == 0 && pool.counters().woken >= woken; }));
    CHECK(pool.counters().polling == 0);
  }
}

TEST_CASE("a lane polls only where its last task came soon") {
  LaneOptions options = polling(1);
  options.poll_work = std::chrono::nanoseconds(1);  // nothing comes as soon as that
  LanePool pool(options);
  for (int i = 0; i < 20; ++i) {
    REQUIRE(run_one(pool) == 0);
    CHECK(pool.counters().polling == 0);
  }
}

TEST_CASE("lanes that poll leave a core to the others") {
  const std::size_t cores = std::thread::hardware_concurrency();
  const std::size_t lanes = cores + 2;
  LanePool pool(polling(lanes));
  // Each has reason to poll.
  for (int round = 0; round < 3; ++round) {
    for (std::size_t lane = 0; lane < lanes; ++lane) REQUIRE(run_one(pool, lane) == lane);
  }
  std::size_t most = 0;
  for (int i = 0; i < 20; ++i) {
    most = std::max(most, pool.counters().polling);
    std::this_thread::yield();
  }
  CHECK_MESSAGE(most <= cores - 1, most << " lanes poll on " << cores << " cores");
}

TEST_CASE("stop() and quiesce_all() do not wait for lanes that poll") {
  LanePool pool(polling(2));
  for (std::size_t lane = 0; lane < 2; ++lane) REQUIRE(run_one(pool, lane) == lane);
  CHECK(LanePool::quiesce_all(10'000));
  pool.stop();
  CHECK(pool.counters().polling == 0);
}

TEST_CASE("a lane that polls for its device hands over what comes meanwhile") {
  if (one_core()) return;
  DevicePoll one;
  REQUIRE(one.begin());
  REQUIRE_MESSAGE(eventually([&] { return one.pool.counters().polling == 1; }), "it does not poll for its device");
  REQUIRE(one.give(2, true));
  const bool handed = eventually([&] { return has(one.journal, "run 2"); });
  CHECK_MESSAGE(handed, "it waits for the oldest task before it hands over the next");
  CHECK(one.work[1].waits == 0);
  one.work[2].done.open();
  one.work[1].done.open();
  REQUIRE(eventually([&] { return has(one.journal, "finished 2"); }));
}

TEST_CASE("a task that must wait for the device does not keep a lane from polling for that") {
  if (one_core()) return;
  DevicePoll one;
  REQUIRE(one.begin());
  REQUIRE(eventually([&] { return one.pool.counters().polling == 1; }));
  REQUIRE(one.give(2, false));
  give_time();
  CHECK_FALSE(has(one.journal, "run 2"));
  one.work[1].done.open();
  REQUIRE(eventually([&] { return has(one.journal, "run 2"); }));
  one.work[2].done.open();
  REQUIRE(eventually([&] { return has(one.journal, "finished 2"); }));
}

TEST_CASE("a lane gives back what only a busy one needs after a while without work, not after each task") {
  for (const std::chrono::nanoseconds poll : {std::chrono::nanoseconds(kForEver), kNever}) {
    States states;
    LaneOptions options = with_fake_states(1, states);
    options.poll_work = poll;
    options.idle_after = kForEver;
    {
      LanePool pool(options);
      for (int i = 0; i < 20; ++i) REQUIRE(run_one(pool) == 0);
      give_time();
      CHECK_MESSAGE(states.idled == 0, "it was told " << states.idled << " times");
    }
    options.poll_work = kNever;
    options.idle_after = std::chrono::milliseconds(1);
    LanePool pool(options);
    REQUIRE(run_one(pool) == 0);
    CHECK(eventually([&] { return states.idled == 1; }));
    give_time();
    CHECK_MESSAGE(states.idled == 1, "a lane that does nothing was told again");
  }
}

TEST_CASE("a task that comes while a lane returns from another wakes no other lane") {
  constexpr int kTasks = 50;
  LanePool pool(LaneOptions{.lanes = 2, .poll_work = kNever});
  std::array<std::atomic<int>, 2> ran{};
  Count over;
  std::function<void()> next = [&] {
    over.add();
    if (ran[0] + ran[1] >= kTasks) return;
    std::unique_ptr<Task> task = std::make_unique<Then>([&](Lane& lane) { ++ran.at(lane.index()); }, next);
    CHECK(pool.submit(task));
  };
  next();
  REQUIRE(over.wait_for(kTasks + 1));
  CHECK_MESSAGE((ran[0] == kTasks || ran[1] == kTasks), "two lanes took turns: ", ran[0].load(), " and ",
                ran[1].load());
  CHECK(pool.counters().woken <= 1);
}

TEST_CASE("of two tasks that come while a lane returns from another, one wakes the other lane") {
  LanePool pool(LaneOptions{.lanes = 2, .poll_work = kNever});
  Count begun;
  Count over;
  const auto together = [&](Lane& /*lane*/) {
    begun.add();
    CHECK_MESSAGE(begun.wait_for(2), "one waits for the other, which has not begun");
  };
  std::unique_ptr<Task> first = std::make_unique<Then>([](Lane& /*lane*/) {},
                                                       [&] {
                                                         for (int i = 0; i < 2; ++i) {
                                                           std::unique_ptr<Task> task =
                                                               std::make_unique<Then>(together, [&] { over.add(); });
                                                           CHECK(pool.submit(task));
                                                         }
                                                       });
  REQUIRE(pool.submit(first));
  CHECK(over.wait_for(2));
}
