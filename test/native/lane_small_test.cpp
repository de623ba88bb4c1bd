// Small tasks do not wait behind large ones: the lane that is kept for them.
#include <doctest/doctest.h>

#include <atomic>
#include <cstddef>
#include <functional>
#include <memory>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "core/lanes/lane.h"
#include "support/lane_state.h"
#include "support/tasks.h"

using namespace tensorlane;
using namespace tensorlane::test;

namespace {

class SmallTask final : public FunctionTask {
 public:
  using FunctionTask::FunctionTask;
  [[nodiscard]] bool small() const noexcept override { return true; }
};

bool submit_small(LanePool& pool, std::function<void(Lane&)> function, std::size_t lane = LanePool::kAnyLane) {
  std::unique_ptr<Task> task = std::make_unique<SmallTask>(std::move(function));
  return pool.submit(task, lane);
}

std::function<void(Lane&)> writes(Journal& journal, const std::string& entry) {
  return [&journal, entry](Lane& lane) { journal.add(entry + " on " + std::to_string(lane.index())); };
}

LaneOptions with_small(std::size_t lanes) {
  LaneOptions options;
  options.lanes = lanes;
  options.small_lane = true;
  return options;
}

// Waits until the lane of small tasks has done all that it took.
bool wait_for_small(LanePool& pool) {
  Gate reached;
  return submit(pool, [&](Lane& /*lane*/) { reached.open(); }, LanePool::kSmallLane) && reached.wait();
}

}  // namespace

TEST_CASE("a small task goes past large ones that run and that wait, and none of them takes its lane") {
  Journal journal;
  Gate gate;
  LanePool pool(with_small(2));
  REQUIRE(occupy(pool, 0, gate));
  REQUIRE(occupy(pool, 1, gate));
  Count large;
  for (int i = 0; i < 4; ++i) REQUIRE(submit(pool, [&](Lane& /*lane*/) { large.add(); }));
  for (int i = 0; i < 3; ++i) REQUIRE(submit_small(pool, writes(journal, "small " + std::to_string(i))));
  REQUIRE(eventually([&] { return pool.counters().expedited == 3; }));
  CHECK(journal.entries() == std::vector<std::string>{"small 0 on 2", "small 1 on 2", "small 2 on 2"});
  give_time();
  CHECK_MESSAGE(large.value() == 0, "a large task ran on the lane of small ones");
  const LaneCounters counters = pool.counters();
  CHECK(counters.lanes == 2);
  CHECK_MESSAGE(counters.busy == 2, "the lane of small tasks is none of the lanes");
  CHECK(counters.queued == 4);
  gate.open();
  REQUIRE(large.wait_for(4));
  REQUIRE(eventually([&] { return pool.counters().completed == 2 + 4 + 3; }));
  CHECK(pool.counters().expedited == 3);
}

TEST_CASE("small tasks run on the lanes of all where one is idle, or has but a small task in hand") {
  Journal journal;
  Gate large;
  Gate small;
  LanePool pool(with_small(2));
  for (int i = 0; i < 20; ++i) {
    REQUIRE(submit_small(pool, writes(journal, "idle")));
  }
  REQUIRE(eventually([&] { return pool.counters().completed == 20; }));
  REQUIRE(occupy(pool, 0, large));
  Gate begun;
  const auto waits = [&](Lane& /*lane*/) {
    begun.open();
    small.wait();
  };
  REQUIRE(submit_small(pool, waits));
  REQUIRE(begun.wait());
  REQUIRE(submit_small(pool, writes(journal, "behind a small one")));
  give_time();
  CHECK(journal.entries().size() == 20);
  small.open();
  REQUIRE(eventually([&] { return pool.counters().completed == 22; }));
  CHECK(journal.entries().back() == "behind a small one on 1");
  CHECK(pool.counters().expedited == 0);
  large.open();
}

TEST_CASE("a small task that counted on a lane goes past the large one that the lane takes first") {
  Journal journal;
  Gate large;
  Gate small;
  LanePool pool(with_small(1));
  Gate begun;
  const auto waits = [&](Lane& /*lane*/) {
    begun.open();
    small.wait();
  };
  REQUIRE(submit_small(pool, waits));
  REQUIRE(begun.wait());
  REQUIRE(submit(pool, [&](Lane& /*lane*/) { large.wait(); }));
  REQUIRE(submit_small(pool, writes(journal, "small")));
  small.open();  // the lane goes on to the large one, which is older
  REQUIRE(eventually([&] { return pool.counters().expedited == 1; }));
  CHECK(journal.entries() == std::vector<std::string>{"small on 1"});
  large.open();
}

TEST_CASE("a small task for a particular lane keeps its place there") {
  Journal journal;
  Gate gate;
  LanePool pool(with_small(1));
  REQUIRE(occupy(pool, 0, gate));
  REQUIRE(submit(pool, writes(journal, "large"), 0));
  REQUIRE(submit_small(pool, writes(journal, "own"), 0));
  REQUIRE(submit_small(pool, writes(journal, "any")));
  REQUIRE(eventually([&] { return pool.counters().expedited == 1; }));
  CHECK(journal.entries() == std::vector<std::string>{"any on 1"});
  gate.open();
  REQUIRE(eventually([&] { return pool.counters().completed == 4; }));
  CHECK(journal.entries() == std::vector<std::string>{"any on 1", "large on 0", "own on 0"});
}

TEST_CASE("lanes of high priority do not count: small tasks for any lane do not wait for them to be busy") {
  Journal journal;
  Gate gate;
  LaneOptions options;
  options.lanes = 2;
  options.high_priority = 1;
  options.small_lane = true;
  LanePool pool(options);
  REQUIRE(occupy(pool, 0, gate));
  REQUIRE(submit_small(pool, writes(journal, "small")));
  REQUIRE(eventually([&] { return pool.counters().expedited == 1; }));
  CHECK(journal.entries() == std::vector<std::string>{"small on 2"});
  gate.open();
}

TEST_CASE("a pool without a lane for them has small tasks wait like all others") {
  Journal journal;
  Gate gate;
  LanePool pool(1);
  REQUIRE(occupy(pool, 0, gate));
  REQUIRE(submit(pool, writes(journal, "large")));
  REQUIRE(submit_small(pool, writes(journal, "small")));
  gate.open();
  REQUIRE(eventually([&] { return pool.counters().completed == 3; }));
  CHECK(journal.entries() == std::vector<std::string>{"large on 0", "small on 0"});
  CHECK(pool.counters().expedited == 0);
  CHECK_MESSAGE(wait_for_small(pool), "who waits for a lane that there is not waits for any");
}

TEST_CASE("who waits for the lane of small tasks waits for what it has in hand") {
  Journal journal;
  Gate large;
  Gate small;
  LanePool pool(with_small(1));
  REQUIRE_MESSAGE(wait_for_small(pool), "a lane that has done nothing has nothing to wait for");
  REQUIRE(occupy(pool, 0, large));
  const auto waits = [&](Lane& /*lane*/) {
    small.wait();
    journal.add("small");
  };
  REQUIRE(submit_small(pool, waits));
  Gate reached;
  const auto after = [&](Lane& /*lane*/) {
    journal.add("after");
    reached.open();
  };
  REQUIRE(eventually([&] { return pool.counters().queued == 0; }));
  REQUIRE(submit(pool, after, LanePool::kSmallLane));
  small.open();
  REQUIRE(reached.wait());
  CHECK(journal.entries() == std::vector<std::string>{"small", "after"});
  large.open();
}

TEST_CASE("stop() discards small tasks that wait, and waits for the one that runs") {
  Gate large;
  Gate small;
  std::atomic<bool> ended{false};
  std::atomic<bool> second{false};
  LanePool pool(with_small(1));
  REQUIRE(occupy(pool, 0, large));
  Gate begun;
  const auto waits = [&](Lane& /*lane*/) {
    begun.open();
    small.wait();
    ended = true;
  };
  REQUIRE(submit_small(pool, waits));
  REQUIRE(begun.wait());
  REQUIRE(submit_small(pool, [&](Lane& /*lane*/) { second = true; }));
  std::thread opens([&] {
    give_time();
    large.open();
    small.open();
  });
  pool.stop();
  opens.join();
  CHECK(ended);
  CHECK_FALSE(second);
}
