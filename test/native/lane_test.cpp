// The rules at the head of core/lanes/lane.h, one by one, and then all of them at once.
#include "core/lanes/lane.h"

#include <doctest/doctest.h>

#include <algorithm>
#include <array>
#include <atomic>
#include <functional>
#include <memory>
#include <random>
#include <thread>
#include <utility>
#include <vector>

#include "support/tasks.h"

using namespace tensorlane;
using namespace tensorlane::test;

namespace {

// What became of one task.
struct Fate {
  std::atomic<int> runs{0};
  std::atomic<int> finished{0};
  std::atomic<int> destroyed{0};
  std::atomic<std::size_t> lane{LanePool::kAnyLane};
  std::thread::id destroyed_on;  // read only after destroyed was
};

class WatchedTask : public Task {
 public:
  explicit WatchedTask(Fate& fate, Gate* gate = nullptr) : fate_(fate), gate_(gate) {}
  ~WatchedTask() override {
    fate_.destroyed_on = std::this_thread::get_id();
    ++fate_.destroyed;
  }
  void run(Lane& lane) noexcept override {
    fate_.lane = lane.index();
    ++fate_.runs;
    if (gate_ != nullptr) gate_->wait();
  }
  void finished(std::unique_ptr<Task> self) noexcept override {
    if (self.get() == this) ++fate_.finished;
    self.reset();
  }

 private:
  Fate& fate_;
  Gate* gate_;
};

bool submit_watched(LanePool& pool, Fate& fate, std::size_t lane = LanePool::kAnyLane, Gate* gate = nullptr) {
  std::unique_ptr<Task> task = std::make_unique<WatchedTask>(fate, gate);
  return pool.submit(task, lane);
}

// Runs this on a lane, and says whether it was run. (What a task refers to is shared with it: it may run late, when
// whoever waited has given up.)
bool run_on(LanePool& pool, std::size_t lane, std::function<void(Lane&)> function) {
  const auto done = std::make_shared<Gate>();
  const auto task = [function = std::move(function), done](Lane& own) {
    function(own);
    done->open();
  };
  return submit(pool, task, lane) && done->wait();
}

}  // namespace

TEST_CASE("a lane runs its tasks in the order in which they were submitted") {
  std::vector<int> order;  // touched by one lane only, and read after the join
  LanePool pool(2);
  for (int i = 0; i < 200; ++i) REQUIRE(submit(pool, [&order, i](Lane& /*lane*/) { order.push_back(i); }, 1));
  Gate last;
  REQUIRE(submit(pool, [&](Lane& /*lane*/) { last.open(); }, 1));
  REQUIRE_MESSAGE(last.wait(), "the lane did not get through its queue");
  CHECK(order.size() == 200);
  CHECK_MESSAGE(std::ranges::is_sorted(order), "a task of one lane overtook another");
}

TEST_CASE("a lane takes the older of its own head and the common head") {
  Gate first;
  Gate second;
  std::vector<int> order;
  LanePool pool(2);
  REQUIRE(occupy(pool, 0, first));
  REQUIRE(occupy(pool, 1, second));
  // Lane 1 stays busy, so lane 0 is alone with its own queue and the common one.
  for (int i = 0; i < 60; ++i) {
    const std::size_t lane = i % 3 == 1 ? 0 : LanePool::kAnyLane;
    REQUIRE(submit(pool, [&order, i](Lane& /*lane*/) { order.push_back(i); }, lane));
  }
  Gate last;
  REQUIRE(submit(pool, [&](Lane& /*lane*/) { last.open(); }));
  first.open();
  const bool reached = last.wait();
  second.open();
  REQUIRE_MESSAGE(reached, "the free lane did not get through both queues");
  CHECK(order.size() == 60);
  CHECK_MESSAGE(std::ranges::is_sorted(order), "a task overtook an older one of the other queue");
}

TEST_CASE("the common queue is served by whichever lane is free") {
  for (std::size_t busy = 0; busy < 2; ++busy) {
    CAPTURE(busy);
    Gate gate;
    Fate fate;
    LanePool pool(2);
    REQUIRE(occupy(pool, busy, gate));
    REQUIRE(submit_watched(pool, fate));
    const bool ran = eventually([&] { return fate.destroyed == 1; });
    gate.open();
    CHECK_MESSAGE(ran, "a task for any lane waited for a busy one while another was free");
    CHECK(fate.lane == 1 - busy);
  }
}

TEST_CASE("tasks run at the same time on different lanes") {
  constexpr std::size_t kLanes = 4;
  LanePool pool(kLanes);
  for (int round = 0; round < 10; ++round) {
    CAPTURE(round);
    // From the second round on the lanes are idle, and each must be woken although the others have not got up yet.
    if (round > 0) std::this_thread::sleep_for(std::chrono::milliseconds(3));
    struct Round {
      Count met, done;
      std::atomic<int> alone{0};
    };
    const auto state = std::make_shared<Round>();
    const auto meet = [state](Lane& /*lane*/) {
      state->met.add();
      if (!state->met.wait_for(kLanes)) ++state->alone;  // all of them must be here together
      state->done.add();
    };
    for (std::size_t i = 0; i < kLanes; ++i) REQUIRE(submit(pool, meet));
    REQUIRE(eventually([&] { return state->alone > 0 || state->done.value() == kLanes; }));
    REQUIRE_MESSAGE(state->alone == 0, "not every lane had a task at the same time");
  }
}

TEST_CASE("every accepted task ends exactly once, whoever submits it") {
  constexpr std::size_t kThreads = 4;
  constexpr std::size_t kEach = 300;
  std::vector<Fate> fates(kThreads * kEach);
  std::atomic<std::size_t> refused{0};
  {
    LanePool pool(3);
    std::vector<std::thread> threads;
    for (std::size_t t = 0; t < kThreads; ++t) {
      threads.emplace_back([&, t] {
        for (std::size_t i = 0; i < kEach; ++i) {
          if (!submit_watched(pool, fates[t * kEach + i], i % 4 == 3 ? LanePool::kAnyLane : i % 3)) ++refused;
        }
      });
    }
    for (auto& thread : threads) thread.join();
    CHECK_MESSAGE(eventually([&] { return pool.counters().completed == fates.size(); }), "tasks were left in a queue");
  }
  CHECK(refused == 0);
  for (std::size_t i = 0; i < fates.size(); ++i) {
    CAPTURE(i);
    REQUIRE(fates[i].runs == 1);
    REQUIRE(fates[i].finished == 1);
    REQUIRE(fates[i].destroyed == 1);
    if (i % kEach % 4 != 3) REQUIRE(fates[i].lane == i % kEach % 3);
  }
}

TEST_CASE("stop() discards what is queued, before it waits for what runs") {
  Gate gate;
  std::array<Fate, 2> running;
  std::array<Fate, 12> queued;
  std::atomic<bool> stopped{false};
  LanePool pool(2);
  for (std::size_t i = 0; i < running.size(); ++i) REQUIRE(submit_watched(pool, running[i], i, &gate));
  REQUIRE(eventually([&] { return running[0].runs == 1 && running[1].runs == 1; }));
  for (std::size_t i = 0; i < queued.size(); ++i) {
    REQUIRE(submit_watched(pool, queued[i], i % 3 == 2 ? LanePool::kAnyLane : i % 3));
  }

  std::thread stopper([&] {
    pool.stop();
    stopped = true;
  });
  const std::thread::id stopper_id = stopper.get_id();
  const bool discarded =
      eventually([&] { return std::ranges::all_of(queued, [](const Fate& fate) { return fate.destroyed == 1; }); });
  const bool waited = !stopped;
  gate.open();
  stopper.join();

  CHECK_MESSAGE(discarded, "queued tasks were not destroyed while others still ran");
  CHECK_MESSAGE(waited, "stop() returned while tasks ran");
  for (const Fate& fate : queued) {
    CHECK_MESSAGE(fate.runs == 0, "a task ran after stop()");
    CHECK_MESSAGE(fate.finished == 0, "a task that did not run was handed to finished()");
    CHECK(fate.destroyed == 1);
    CHECK_MESSAGE(fate.destroyed_on == stopper_id, "a discarded task was destroyed on a lane");
  }
  for (const Fate& fate : running) {
    CHECK(fate.finished == 1);
    CHECK_MESSAGE(fate.destroyed == 1, "stop() returned before a running task was destroyed");
    CHECK_MESSAGE(fate.destroyed_on != stopper_id, "a task that ran was not destroyed on its lane");
  }
}

TEST_CASE("a stopped pool refuses tasks and gives them back") {
  Fate fate;
  LanePool pool(2);
  pool.stop();
  pool.stop();  // once more does no harm
  std::unique_ptr<Task> task = std::make_unique<WatchedTask>(fate);
  Task* const before = task.get();
  CHECK_FALSE(pool.submit(task));
  CHECK_FALSE(pool.submit(task, 1));
  CHECK_MESSAGE(task.get() == before, "the refused task was not given back");
  task.reset();
  CHECK(fate.runs == 0);
  CHECK(fate.destroyed == 1);
  CHECK(pool.counters().queued == 0);
}

TEST_CASE("a lane that does not exist is refused, and the task kept") {
  Fate fate;
  LanePool pool(2);
  std::unique_ptr<Task> task = std::make_unique<WatchedTask>(fate);
  CHECK_THROWS_AS(static_cast<void>(pool.submit(task, 2)), std::out_of_range);
  CHECK(task != nullptr);
  CHECK(pool.counters().queued == 0);
}

TEST_CASE("threads may submit while another stops the pool") {
  for (int round = 0; round < 30; ++round) {
    CAPTURE(round);
    constexpr std::size_t kEach = 200;
    std::array<std::vector<Fate>, 2> fates{std::vector<Fate>(kEach), std::vector<Fate>(kEach)};
    std::array<std::size_t, 2> accepted{};
    LanePool pool(2);
    std::vector<std::thread> threads;
    for (std::size_t t = 0; t < 2; ++t) {
      threads.emplace_back([&, t] {
        for (Fate& fate : fates[t]) accepted[t] += submit_watched(pool, fate) ? 1 : 0;
      });
    }
    pool.stop();
    const std::uint64_t completed = pool.counters().completed;
    for (auto& thread : threads) thread.join();
    std::uint64_t ran = 0;
    for (std::size_t t = 0; t < 2; ++t) {
      for (std::size_t i = 0; i < kEach; ++i) {
        REQUIRE_MESSAGE(fates[t][i].destroyed == 1, "a task leaked or was destroyed twice");
        REQUIRE(fates[t][i].runs <= (i < accepted[t] ? 1 : 0));
        ran += static_cast<std::uint64_t>(fates[t][i].runs);
      }
    }
    CHECK_MESSAGE(ran == completed, "tasks ran that were not counted, or after stop() had returned");
    CHECK(pool.counters().queued == 0);
    CHECK(pool.counters().busy == 0);
  }
}

// A busy lane may take a task for which an idle one was woken. The one that was woken for nothing must be found idle
// again by the next submit; were it forgotten, its own queue would never be served.
TEST_CASE("a lane that was woken for nothing is woken again") {
  std::size_t stolen = 0;
  LanePool pool(2);
  const auto give_up = std::chrono::steady_clock::now() + std::chrono::seconds(2);
  for (int round = 0; round < 1000 && stolen < 100 && std::chrono::steady_clock::now() < give_up; ++round) {
    CAPTURE(round);
    struct Round {
      Count done;
      std::atomic<std::size_t> ran_on{0};
      std::atomic<bool> accepted{false};
    };
    const auto state = std::make_shared<Round>();
    // Lane 1 submits while lane 0 idles, and is free itself at once: more often than not it is quicker than lane 0.
    const auto second = [state](Lane& lane) {
      state->ran_on = lane.index();
      state->done.add();
    };
    const auto first = [state, second, &pool](Lane& /*lane*/) {
      state->accepted = submit(pool, second);
      state->done.add();
    };
    REQUIRE(submit(pool, first, 1));
    REQUIRE(state->done.wait_for(2));
    REQUIRE(state->accepted);
    if (state->ran_on == 1) ++stolen;
    REQUIRE_MESSAGE(run_on(pool, 0, [](Lane& /*lane*/) {}), "lane 0 was no longer woken for its own task");
    REQUIRE_MESSAGE(run_on(pool, 1, [](Lane& /*lane*/) {}), "lane 1 was no longer woken for its own task");
  }
  WARN_MESSAGE(stolen > 0, "no lane was ever woken for nothing, so this run showed nothing");
}

TEST_CASE("counters say what is going on") {
  Gate gate;
  LanePool pool(3);
  LaneCounters counters = pool.counters();
  CHECK(counters.lanes == 3);
  CHECK(pool.size() == 3);
  CHECK(counters.busy == 0);
  CHECK(counters.queued == 0);
  CHECK(counters.completed == 0);

  for (std::size_t i = 0; i < 3; ++i) REQUIRE(occupy(pool, i, gate));
  for (std::size_t i = 0; i < 5; ++i) REQUIRE(submit(pool, [](Lane& /*lane*/) {}, i < 3 ? i : LanePool::kAnyLane));
  counters = pool.counters();
  CHECK(counters.busy == 3);
  CHECK(counters.queued == 5);
  CHECK(counters.completed == 0);

  gate.open();
  CHECK(eventually([&] { return pool.counters().completed == 8; }));
  counters = pool.counters();
  CHECK(counters.busy == 0);
  CHECK(counters.queued == 0);
}

// A caller that was told that its task is done must not find it still being counted as running.
TEST_CASE("a task is counted as completed before it is handed to finished()") {
  struct Told : Task {
    Told(LanePool& pool, LaneCounters& seen, Gate& done) : pool_(pool), seen_(seen), done_(done) {}
    void run(Lane& /*lane*/) noexcept override {}
    void finished(std::unique_ptr<Task> self) noexcept override {
      seen_ = pool_.counters();
      Gate& done = done_;
      self.reset();
      done.open();
    }
    LanePool& pool_;
    LaneCounters& seen_;
    Gate& done_;
  };
  LaneCounters seen;
  Gate done;
  LanePool pool(1);
  std::unique_ptr<Task> task = std::make_unique<Told>(pool, seen, done);
  REQUIRE(pool.submit(task));
  REQUIRE(done.wait());
  CHECK(seen.completed == 1);
  CHECK(seen.busy == 0);
}

TEST_CASE("a large workspace is given back when its lane falls idle, a small one is kept") {
  constexpr std::size_t kSmall = std::size_t{1} << 20U;
  constexpr std::size_t kLarge = std::size_t{65} << 20U;
  std::atomic<std::size_t> capacity{0};
  LanePool pool({.lanes = 1, .idle_after = std::chrono::nanoseconds(0)});
  const auto read = [&] { return run_on(pool, 0, [&](Lane& lane) { capacity = lane.workspace().capacity(); }); };
  const auto take = [&](std::size_t bytes) {
    return run_on(pool, 0, [bytes](Lane& lane) { static_cast<void>(lane.workspace().take(bytes)); });
  };
  REQUIRE(take(kLarge));
  CHECK_MESSAGE(eventually([&] { return read() && capacity == 0; }), "a workspace of 65 MiB was kept by an idle lane");
  REQUIRE(take(kSmall));
  for (int i = 0; i < 5; ++i) {
    std::this_thread::sleep_for(std::chrono::milliseconds(2));
    REQUIRE(read());
    CHECK(capacity == kSmall);
  }
}

// Only the pools of this test exist meanwhile, so no other test is affected.
TEST_CASE("quiesce_all() lets no pool start another task, and says whether one still runs") {
  Gate gate;
  Fate running;
  Fate queued;
  Fate late;
  {
    LanePool pool(1);
    LanePool idle(2);
    REQUIRE(submit_watched(pool, running, 0, &gate));
    REQUIRE(eventually([&] { return running.runs == 1; }));
    REQUIRE(submit_watched(pool, queued));

    const auto start = std::chrono::steady_clock::now();
    CHECK_FALSE_MESSAGE(LanePool::quiesce_all(30), "a task was running, but all was said to be quiet");
    CHECK_MESSAGE(std::chrono::steady_clock::now() - start >= std::chrono::milliseconds(30), "it did not wait");
    CHECK_FALSE_MESSAGE(submit_watched(idle, late), "a task was accepted after the end had begun");
    CHECK_FALSE(submit_watched(pool, late));

    std::thread opener([&] {
      std::this_thread::sleep_for(std::chrono::milliseconds(10));
      gate.open();
    });
    const auto again = std::chrono::steady_clock::now();
    CHECK_MESSAGE(LanePool::quiesce_all(200'000), "the last task ended, and yet something was said to run");
    CHECK_MESSAGE(std::chrono::steady_clock::now() - again < std::chrono::seconds(100),
                  "nobody noticed the last task end");
    opener.join();
    CHECK(running.runs == 1);
    CHECK(queued.runs == 0);
  }
  CHECK(running.destroyed == 1);
  CHECK_MESSAGE(queued.runs == 0, "a queued task was started after the end had begun");
  CHECK(queued.destroyed == 1);
  CHECK(late.runs == 0);

  Fate after;
  LanePool pool(1);
  REQUIRE_MESSAGE(submit_watched(pool, after), "a pool made later was stopped as well");
  CHECK(eventually([&] { return after.runs == 1; }));
}

// Everything at once, above all for ThreadSanitizer: random tasks that touch their lane's workspace and, some of them,
// submit more.
TEST_CASE("10,000 random tasks from four threads over three lanes") {
  constexpr std::size_t kThreads = 4;
  constexpr std::size_t kEach = 2500;
  constexpr std::size_t kLanes = 3;
  struct Ran {
    std::size_t thread, sequence;
  };
  std::array<std::vector<Ran>, kLanes> ran;  // each touched by its lane alone
  std::atomic<std::size_t> wrong_lane{0};
  std::atomic<std::size_t> refused{0};
  std::atomic<std::size_t> children{0};
  std::atomic<std::size_t> children_run{0};
  {
    LanePool pool(kLanes);
    std::vector<std::thread> threads;
    for (std::size_t t = 0; t < kThreads; ++t) {
      threads.emplace_back([&, t] {
        std::mt19937 random(static_cast<unsigned>(t));
        for (std::size_t i = 0; i < kEach; ++i) {
          const std::size_t choice = random() % 6;
          const std::size_t target = choice < kLanes ? choice : LanePool::kAnyLane;
          const std::size_t bytes = random() % 5000;
          const bool parent = random() % 10 == 0;
          const auto task = [&, t, i, target, bytes, parent](Lane& lane) {
            if (target != LanePool::kAnyLane && target != lane.index()) ++wrong_lane;
            ran[lane.index()].push_back({t, i});
            std::byte* memory = lane.workspace().take(bytes + 1);
            std::fill_n(memory, bytes + 1, static_cast<std::byte>(t));
            if (!parent) return;
            ++children;
            if (!submit(pool, [&](Lane& /*lane*/) { ++children_run; }, (lane.index() + 1) % kLanes)) ++refused;
          };
          if (!submit(pool, task, target)) ++refused;
          if (random() % 100 == 0) std::this_thread::yield();
        }
      });
    }
    for (auto& thread : threads) thread.join();
    CHECK_MESSAGE(eventually([&] { return pool.counters().completed == kThreads * kEach + children; }),
                  "tasks were left in a queue");
  }
  CHECK(refused == 0);
  CHECK(wrong_lane == 0);
  CHECK(children_run == children);
  std::size_t total = 0;
  for (std::size_t lane = 0; lane < kLanes; ++lane) {
    CAPTURE(lane);
    total += ran[lane].size();
    // A lane chooses the older of two heads, so it never sees the tasks of one thread out of order, whatever their
    // queue.
    std::array<std::size_t, kThreads> next{};
    for (const Ran& one : ran[lane]) {
      REQUIRE_MESSAGE(one.sequence >= next[one.thread], "thread " << one.thread << "'s tasks were reordered");
      next[one.thread] = one.sequence + 1;
    }
  }
  CHECK(total == kThreads * kEach);
}
