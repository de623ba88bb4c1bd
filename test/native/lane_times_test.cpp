// For how long lanes are busy and tasks wait: times grow only while a task runs or waits, and are counted until now.
#include <doctest/doctest.h>

#include <chrono>
#include <memory>
#include <thread>

#include "core/lanes/lane.h"
#include "support/tasks.h"

using namespace tensorlane;
using namespace tensorlane::test;

TEST_CASE("lanes are busy while a task runs, and tasks wait while they are queued, until now") {
  LanePool pool(1);
  CHECK(pool.counters().busy_time.count() == 0);
  CHECK(pool.counters().waited.count() == 0);

  const auto gate = std::make_shared<Gate>();
  REQUIRE(submit(pool, [gate](Lane&) { gate->wait(); }));
  REQUIRE(eventually([&] { return pool.counters().busy == 1; }));
  const LaneCounters running = pool.counters();
  CHECK(eventually([&] { return pool.counters().busy_time > running.busy_time; }));
  CHECK(pool.counters().waited == running.waited);  // nothing is queued

  REQUIRE(submit(pool, [](Lane&) {}));
  const LaneCounters queued = pool.counters();
  REQUIRE(queued.queued == 1);
  // It waits for as long as the lane is busy with the other one.
  std::this_thread::sleep_for(std::chrono::milliseconds(2));
  const LaneCounters later = pool.counters();
  CHECK(later.waited - queued.waited >= std::chrono::milliseconds(2));
  CHECK(later.busy_time - queued.busy_time >= std::chrono::milliseconds(2));

  gate->open();
  REQUIRE(eventually([&] { return pool.counters().completed == 2; }));
  const LaneCounters idle = pool.counters();
  CHECK(idle.waited >= later.waited);
  CHECK(idle.busy_time >= later.busy_time);
  std::this_thread::sleep_for(std::chrono::milliseconds(2));
  CHECK(pool.counters().waited == idle.waited);
  CHECK(pool.counters().busy_time == idle.busy_time);
}

TEST_CASE("two lanes that are busy are so for twice the time") {
  LanePool pool(2);
  const auto gate = std::make_shared<Gate>();
  for (int i = 0; i < 2; ++i) REQUIRE(submit(pool, [gate](Lane&) { gate->wait(); }));
  REQUIRE(eventually([&] { return pool.counters().busy == 2; }));
  const LaneCounters before = pool.counters();
  std::this_thread::sleep_for(std::chrono::milliseconds(2));
  const LaneCounters after = pool.counters();
  CHECK(after.busy_time - before.busy_time >= std::chrono::milliseconds(4));
  gate->open();
}
