// What a pool of lanes may be given: states for its lanes, and lanes of high priority.
#include <doctest/doctest.h>
#include <sys/resource.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <atomic>
#include <chrono>
#include <deque>
#include <memory>
#include <optional>
#include <string>
#include <thread>
#include <vector>

#include "core/cores/standing.h"
#include "core/error.h"
#include "core/lanes/lane.h"
#include "support/failure.h"
#include "support/lane_state.h"
#include "support/tasks.h"

using namespace tensorlane;
using namespace tensorlane::test;

TEST_CASE("a lane's state is made, used and destroyed on its thread") {
  States states;
  std::array<std::atomic<LaneState*>, 3> seen{};
  std::array<std::thread::id, 3> made_on;
  std::array<std::thread::id, 3> ran_on;
  Count ran;
  {
    LaneOptions options;
    options.lanes = 3;
    options.state = [&](std::size_t lane) {
      auto state = std::make_unique<FakeState>(states);
      seen[lane] = state.get();
      return state;
    };
    LanePool pool(options);
    CHECK_MESSAGE(states.made == 3, "the constructor returned before all states were made");
    for (std::size_t i = 0; i < 3; ++i) {
      const auto task = [&, i](Lane& lane) {
        if (lane.state() == seen[i]) made_on[i] = FakeState::of(lane).made_on();
        ran_on[i] = std::this_thread::get_id();
        ran.add();
      };
      REQUIRE(submit(pool, task, i));
    }
    REQUIRE(ran.wait_for(3));
    for (std::size_t i = 0; i < 3; ++i) {
      CAPTURE(i);
      CHECK_MESSAGE(made_on[i] == ran_on[i], "the lane has another's state, or it was made on another thread");
    }
    CHECK(states.destroyed == 0);
    pool.stop();
    CHECK_MESSAGE(states.destroyed == 3, "stop() returned before all states were destroyed");
  }
  CHECK(states.destroyed == 3);
  CHECK_MESSAGE(states.elsewhere == 0, "a state was destroyed or told to idle on another thread than its lane's");
}

TEST_CASE("a lane may have no state") {
  const auto states_of = [](LaneOptions options) {
    std::atomic<bool> any{false};
    Gate ran;
    LanePool pool(options);
    const auto task = [&](Lane& lane) {
      any = lane.state() != nullptr;
      ran.open();
    };
    REQUIRE(submit(pool, task));
    REQUIRE(ran.wait());
    return any.load();
  };
  CHECK_FALSE(states_of({}));
  LaneOptions null;
  null.state = [](std::size_t /*lane*/) { return nullptr; };
  CHECK_FALSE(states_of(null));
}

TEST_CASE("a pool whose states cannot all be made throws, and leaves none behind") {
  for (std::size_t bad = 0; bad < 3; ++bad) {
    CAPTURE(bad);
    States states;
    LaneOptions options;
    options.lanes = 3;
    options.state = [&](std::size_t lane) {
      if (lane == bad) throw Error(Code::DeviceLost, "no state for lane " + std::to_string(lane));
      return std::make_unique<FakeState>(states);
    };
    const auto error = failure([&] { const LanePool pool(options); });
    REQUIRE_MESSAGE(error.has_value(), "the constructor did not throw");
    CHECK(error->code() == Code::DeviceLost);
    CHECK(error->what() == "no state for lane " + std::to_string(bad));
    CHECK(states.made == 2);
    CHECK_MESSAGE(states.destroyed == 2, "states were left behind");
    CHECK(states.elsewhere == 0);
    CHECK_MESSAGE(LanePool::quiesce_all(0), "the pool that failed is still registered");
  }
}

TEST_CASE("lanes of high priority take no task that is for any lane") {
  Gate gate;
  Count common;
  std::atomic<std::size_t> on_high{0};
  LaneOptions options;
  options.lanes = 3;
  options.high_priority = 1;
  LanePool pool(options);
  REQUIRE(occupy(pool, 0, gate));
  REQUIRE(occupy(pool, 1, gate));
  for (int i = 0; i < 10; ++i) {
    const auto task = [&](Lane& lane) {
      if (lane.index() == 2) ++on_high;
      common.add();
    };
    REQUIRE(submit(pool, task));
    Gate own;
    REQUIRE(submit(pool, [&](Lane& /*lane*/) { own.open(); }, 2));
    REQUIRE_MESSAGE(own.wait(), "the lane of high priority did not run its own task");
  }
  give_time();
  const std::size_t early = common.value();
  gate.open();
  CHECK_MESSAGE(common.wait_for(10), "the other lanes did not run the common tasks");
  CHECK(early == 0);
  CHECK(on_high == 0);
}

TEST_CASE("a common task wakes an ordinary lane, not an idle one of high priority") {
  std::deque<Gate> gates(50);
  LaneOptions options;
  options.lanes = 4;
  options.high_priority = 2;
  LanePool pool(options);
  for (Gate& gate : gates) {
    Gate done;
    REQUIRE(occupy(pool, 0, gate));
    std::atomic<std::size_t> ran_on{99};
    const auto task = [&](Lane& lane) {
      ran_on = lane.index();
      done.open();
    };
    REQUIRE(submit(pool, task));
    const bool ran = done.wait();
    gate.open();
    REQUIRE_MESSAGE(ran, "the task was left in the queue");
    REQUIRE(ran_on == 1);
  }
}

TEST_CASE("where all lanes are of high priority, they take the common tasks") {
  for (const std::size_t high : {2U, 5U}) {
    CAPTURE(high);
    LaneOptions options;
    options.lanes = 2;
    options.high_priority = high;
    LanePool pool(options);
    Count ran;
    for (int i = 0; i < 20; ++i) REQUIRE(submit(pool, [&](Lane& /*lane*/) { ran.add(); }));
    CHECK(ran.wait_for(20));
  }
}

#ifdef __linux__
TEST_CASE("lanes of high priority stand back behind nobody") {
  const int own = getpriority(PRIO_PROCESS, 0);
  LaneOptions options;
  options.lanes = 3;
  options.high_priority = 2;
  options.niceness = std::min(own + 5, 19);
  LanePool pool(options);
  std::array<std::atomic<int>, 3> niceness{};
  Count read;
  for (std::size_t i = 0; i < 3; ++i) {
    const auto task = [&, i](Lane& /*lane*/) {
      niceness[i] = getpriority(PRIO_PROCESS, 0);  // on Linux, the calling thread's
      read.add();
    };
    REQUIRE(submit(pool, task, i));
  }
  REQUIRE(read.wait_for(3));
  CHECK_MESSAGE(niceness[0] == options.niceness, "the ordinary lane does not stand back as it was told");
  CHECK(niceness[1] == own);
  CHECK(niceness[2] == own);
}
#endif

#ifdef __linux__
TEST_CASE(
    "a lane stands back while its process has the cores to itself, and gives its place to another thread beside busy "
    "ones") {
  const int own = getpriority(PRIO_PROCESS, 0);
  if (own >= Standing::kBack) return;
  std::atomic<bool> starves{false};
  std::atomic<int> threads{0};
  LaneOptions options;
  options.niceness = LaneOptions::kAsIsBest;
  // As of a thread that wants a core all the time and has it, or next to nothing of it.
  options.share = [&, share = Share{}]() mutable -> std::optional<Share> {
    (starves ? share.waited : share.ran) += std::chrono::seconds(1);
    share.process = share.ran;
    return share;
  };
  LanePool pool(options);
  pid_t last = 0;
  // Works until its lane's niceness is that. A hang ends with the test program's own limit.
  const auto works_until = [&](int niceness) {
    for (int now = -1; now != niceness;) {
      Count ran;
      const auto task = [&](Lane& lane) {
        CHECK(lane.index() == 0);
        if (gettid() != last) ++threads;
        last = gettid();
        now = getpriority(PRIO_PROCESS, 0);  // on Linux, the calling thread's
        std::this_thread::sleep_for(std::chrono::milliseconds(1));
        ran.add();
      };
      REQUIRE(submit(pool, task));
      REQUIRE(ran.wait_for(1));
    }
  };
  for (int i = 1; i <= 3; ++i) {
    starves = false;
    works_until(Standing::kBack);
    CHECK(threads == i);
    starves = true;
    works_until(own);
    CHECK(threads == i + 1);
  }
}

TEST_CASE("a lane that is not told its share stands back a little") {
  const int own = getpriority(PRIO_PROCESS, 0);
  LaneOptions options;
  options.niceness = LaneOptions::kAsIsBest;
  options.share = [] { return std::nullopt; };
  LanePool pool(options);
  std::atomic<int> niceness{-1};
  Count ran;
  const auto task = [&](Lane& /*lane*/) {
    niceness = getpriority(PRIO_PROCESS, 0);
    ran.add();
  };
  REQUIRE(submit(pool, task));
  REQUIRE(ran.wait_for(1));
  CHECK(niceness == std::max(own, 5));
}

TEST_CASE("the system tells the share of a thread that computes") {
  const auto before = share_of_thread();
  if (!before.has_value()) return;
  for (auto now = before; now->ran - before->ran < std::chrono::milliseconds(30);) {
    now = share_of_thread();
    REQUIRE(now.has_value());
  }
  const auto after = share_of_thread();
  CHECK(after->process > before->process);
}
#endif

TEST_CASE("a lane's state is told once before the lane sleeps, and again after it has worked") {
  States states;
  LanePool pool(with_fake_states(1, states));
  give_time();
  CHECK_MESSAGE(states.idled == 0, "a lane that has not worked was told to give back what it used");
  for (int i = 1; i <= 3; ++i) {
    CAPTURE(i);
    Gate ran;
    REQUIRE(submit(pool, [&](Lane& /*lane*/) { ran.open(); }));
    REQUIRE(ran.wait());
    REQUIRE_MESSAGE(eventually([&] { return states.idled == i; }), "it was told " << states.idled << " times");
    give_time();
    CHECK(states.idled == i);
  }
  CHECK(states.elsewhere == 0);
}
