// Lanes whose device works behind them: tasks that are pending there, how they end, and in which order.
#include "core/lanes/lane_state.h"

#include <doctest/doctest.h>

#include <algorithm>
#include <array>
#include <atomic>
#include <deque>
#include <memory>
#include <random>
#include <string>
#include <thread>
#include <vector>

#include "core/lanes/lane.h"
#include "support/lane_state.h"
#include "support/tasks.h"

using namespace tensorlane;
using namespace tensorlane::test;

namespace {

bool submit_device(LanePool& pool, Journal& journal, const std::string& name, HandedWork* work, bool pipelines,
                   std::size_t lane = 0) {
  std::unique_ptr<Task> task = std::make_unique<DeviceTask>(name, journal, work, pipelines);
  return pool.submit(task, lane);
}

// Writes "run NAME" and "finished NAME".
class DevicelessTask final : public Task {
 public:
  DevicelessTask(std::string name, Journal& journal) : name_(std::move(name)), journal_(journal) {}
  void run(Lane& /*lane*/) noexcept override { journal_.add("run " + name_); }
  [[nodiscard]] bool needs_device() const noexcept override { return false; }
  void finished(std::unique_ptr<Task> self) noexcept override {
    journal_.add("finished " + name_);
    self.reset();
  }

 private:
  std::string name_;
  Journal& journal_;
};

bool submit_without_device(LanePool& pool, Journal& journal, const std::string& name, std::size_t lane = 0) {
  std::unique_ptr<Task> task = std::make_unique<DevicelessTask>(name, journal);
  return pool.submit(task, lane);
}

using Entries = std::vector<std::string>;

}  // namespace

TEST_CASE("tasks that pipeline run while older ones are pending, and end in order") {
  States states;
  Journal journal;
  std::array<HandedWork, 3> work;
  Gate gate;
  LanePool pool(with_fake_states(1, states));
  REQUIRE(occupy(pool, 0, gate));
  for (std::size_t i = 0; i < 3; ++i) REQUIRE(submit_device(pool, journal, std::to_string(i), &work[i], true));
  gate.open();
  REQUIRE_MESSAGE(eventually([&] { return has(journal, "run 2"); }), "a task waited for one that is pending");
  work[2].done.open();
  work[1].done.open();
  give_time();
  const Entries before = journal.entries();
  work[0].done.open();
  REQUIRE(eventually([&] { return has(journal, "finished 2"); }));
  CHECK_MESSAGE((before == Entries{"run 0", "run 1", "run 2"}), "a task ended before one that ran earlier");
  CHECK((journal.entries() == Entries{"run 0", "run 1", "run 2", "completed 0", "finished 0", "completed 1",
                                      "finished 1", "completed 2", "finished 2"}));
  for (const HandedWork& one : work) {
    CHECK_MESSAGE(one.completions == 1, "complete() was called " << one.completions << " times");
    CHECK(one.destroyed == 1);
  }
}

TEST_CASE("a task that does not pipeline waits until the older ones have ended") {
  States states;
  Journal journal;
  std::array<HandedWork, 3> work;
  Gate gate;
  LanePool pool(with_fake_states(1, states));
  REQUIRE(occupy(pool, 0, gate));
  REQUIRE(submit_device(pool, journal, "0", &work[0], true));
  REQUIRE(submit_device(pool, journal, "1", &work[1], false));
  REQUIRE(submit_device(pool, journal, "2", &work[2], true));
  gate.open();
  REQUIRE(eventually([&] { return work[0].waits > 0; }));
  give_time();
  CHECK((journal.entries() == Entries{"run 0"}));
  work[0].done.open();
  // It may itself leave something behind, and the next one pipelines.
  REQUIRE(eventually([&] { return has(journal, "run 2"); }));
  CHECK((journal.entries() == Entries{"run 0", "completed 0", "finished 0", "run 1", "run 2"}));
  work[1].done.open();
  work[2].done.open();
  REQUIRE(eventually([&] { return has(journal, "finished 2"); }));
}

TEST_CASE("a task that hands the device nothing ends at once, whatever is pending") {
  States states;
  Journal journal;
  HandedWork work;
  Gate gate;
  LanePool pool(with_fake_states(1, states));
  REQUIRE(occupy(pool, 0, gate));
  REQUIRE(submit_device(pool, journal, "0", &work, true));
  REQUIRE(submit_device(pool, journal, "1", nullptr, true));
  gate.open();
  const bool ended = eventually([&] { return has(journal, "finished 1"); });
  const Entries before = journal.entries();
  work.done.open();
  REQUIRE(eventually([&] { return has(journal, "finished 0"); }));
  CHECK_MESSAGE(ended, "it waited for the task before it");
  // Without a Pending there is nothing to complete.
  CHECK((before == Entries{"run 0", "run 1", "finished 1"}));
}

TEST_CASE("a task that needs no device neither waits for pending ones nor counts with them") {
  constexpr std::size_t kMost = 64;  // pending at once
  States states;
  Journal journal;
  std::deque<HandedWork> work(kMost + 1);
  Gate gate;
  LanePool pool(with_fake_states(1, states));
  REQUIRE(occupy(pool, 0, gate));
  for (std::size_t i = 0; i < kMost; ++i) REQUIRE(submit_device(pool, journal, std::to_string(i), &work[i], true));
  REQUIRE(submit_without_device(pool, journal, "release"));
  REQUIRE(submit_device(pool, journal, "one too many", &work[kMost], true));
  REQUIRE(submit_without_device(pool, journal, "behind it"));
  gate.open();
  // The lane has handed over all that it may, and yet takes this one.
  const bool ended = eventually([&] { return has(journal, "finished release"); });
  const bool waits = eventually([&] { return work[0].waits > 0; });
  give_time();
  const Entries before = journal.entries();
  const int ends = states.ended;
  for (HandedWork& one : work) one.done.open();
  REQUIRE(eventually([&] { return has(journal, "finished behind it") && has(journal, "finished one too many"); }));
  CHECK_MESSAGE(ended, "it waited for a device that it does not need");
  CHECK(waits);
  CHECK_MESSAGE(before.size() == kMost + 2, "something else ran");  // each pending one, and it twice
  CHECK_MESSAGE(ends == kMost + 1, "the device was asked " << ends << " times what a task left it");
}

TEST_CASE("a lane that has done nothing for the device does not make it idle") {
  States states;
  Journal journal;
  HandedWork work;
  work.done.open();
  LanePool pool(with_fake_states(1, states));
  for (int i = 0; i < 3; ++i) REQUIRE(submit_without_device(pool, journal, std::to_string(i)));
  REQUIRE(eventually([&] { return has(journal, "finished 2"); }));
  give_time();
  CHECK(states.idled == 0);
  REQUIRE(submit_device(pool, journal, "device", &work, true));
  CHECK(eventually([&] { return states.idled == 1; }));
}

TEST_CASE("what the device has done already is ended before the next task runs") {
  States states;
  Journal journal;
  std::array<HandedWork, 2> work;
  for (HandedWork& one : work) one.done.open();
  Gate gate;
  LanePool pool(with_fake_states(1, states));
  REQUIRE(occupy(pool, 0, gate));
  for (std::size_t i = 0; i < 2; ++i) REQUIRE(submit_device(pool, journal, std::to_string(i), &work[i], true));
  gate.open();
  REQUIRE(eventually([&] { return has(journal, "finished 1"); }));
  CHECK((journal.entries() == Entries{"run 0", "completed 0", "finished 0", "run 1", "completed 1", "finished 1"}));
}

TEST_CASE("a task is told that its work is handed over after end(), once, and before it is completed") {
  struct Told final : Task {
    Told(Journal& journal, States& states, HandedWork* work) : journal_(journal), states_(states), work_(work) {}
    void run(Lane& lane) noexcept override {
      if (work_ != nullptr) FakeState::of(lane).hand(*work_);
      journal_.add("run");
    }
    [[nodiscard]] bool pipelines() const noexcept override { return true; }
    void handed_over() noexcept override { journal_.add("handed over after " + std::to_string(states_.ended)); }
    void completed(Pending& /*pending*/) noexcept override { journal_.add("completed"); }
    void finished(std::unique_ptr<Task> self) noexcept override {
      journal_.add("finished");
      self.reset();
    }
    Journal& journal_;
    States& states_;
    HandedWork* work_;
  };
  States states;
  Journal journal;
  HandedWork work;
  LanePool pool(with_fake_states(1, states));
  std::unique_ptr<Task> pending = std::make_unique<Told>(journal, states, &work);
  REQUIRE(pool.submit(pending));
  REQUIRE_MESSAGE(eventually([&] { return has(journal, "handed over after 1"); }), "it was not told while pending");
  work.done.open();
  REQUIRE(eventually([&] { return has(journal, "finished"); }));
  std::unique_ptr<Task> empty = std::make_unique<Told>(journal, states, nullptr);
  REQUIRE(pool.submit(empty));
  REQUIRE(eventually([&] { return journal.entries().size() == 7; }));
  CHECK((journal.entries() ==
         Entries{"run", "handed over after 1", "completed", "finished", "run", "handed over after 2", "finished"}));
}

TEST_CASE("a task whose pending work fails ends all the same") {
  States states;
  Journal journal;
  std::array<HandedWork, 2> work;
  work[0].fails = true;
  for (HandedWork& one : work) one.done.open();
  LanePool pool(with_fake_states(1, states));
  for (std::size_t i = 0; i < 2; ++i) REQUIRE(submit_device(pool, journal, std::to_string(i), &work[i], true));
  REQUIRE(eventually([&] { return pool.counters().completed == 2 && has(journal, "finished 1"); }));
  CHECK(work[0].completions == 1);
  CHECK(work[1].completions == 1);
}

TEST_CASE("only so many tasks are pending at once") {
  constexpr std::size_t kTasks = 300;
  constexpr std::size_t kMost = 64;
  States states;
  Journal journal;
  std::deque<HandedWork> work(kTasks);
  Gate gate;
  LanePool pool(with_fake_states(1, states));
  REQUIRE(occupy(pool, 0, gate));
  for (std::size_t i = 0; i < kTasks; ++i) REQUIRE(submit_device(pool, journal, std::to_string(i), &work[i], true));
  gate.open();
  const bool waited = eventually([&] { return work[0].waits > 0; });
  give_time();
  const std::size_t ran = journal.entries().size();
  for (HandedWork& one : work) one.done.open();
  CHECK_MESSAGE(waited, "the lane did not wait for the oldest task");
  CHECK_MESSAGE(ran == kMost, ran << " tasks were handed to the device at once");
  CHECK(eventually([&] { return pool.counters().completed == kTasks + 1; }));
}

TEST_CASE("stop() waits for what is pending, and discards what is queued") {
  States states;
  Journal journal;
  std::array<HandedWork, 2> work;
  std::atomic<bool> stopped{false};
  Gate gate;
  LanePool pool(with_fake_states(1, states));
  REQUIRE(occupy(pool, 0, gate));
  for (std::size_t i = 0; i < 2; ++i) REQUIRE(submit_device(pool, journal, std::to_string(i), &work[i], true));
  gate.open();
  REQUIRE(eventually([&] { return has(journal, "run 1") && work[0].waits > 0; }));
  REQUIRE(submit_device(pool, journal, "queued", nullptr, true));
  std::thread stopper([&] {
    pool.stop();
    stopped = true;
  });
  const bool discarded = eventually([&] { return pool.counters().queued == 0; });
  give_time();
  const bool early = stopped;
  for (HandedWork& one : work) one.done.open();
  stopper.join();
  CHECK(discarded);
  CHECK_FALSE_MESSAGE(early, "stop() returned while work was pending");
  CHECK((journal.entries() == Entries{"run 0", "run 1", "completed 0", "finished 0", "completed 1", "finished 1"}));
  CHECK_MESSAGE(states.destroyed == 1, "the state was not destroyed");
  for (const HandedWork& one : work) CHECK(one.destroyed == 1);
  CHECK(pool.counters().completed == 3);
}

TEST_CASE("a task that waits for pending ones before it does not start after stop()") {
  States states;
  Journal journal;
  HandedWork work;
  Gate gate;
  LanePool pool(with_fake_states(1, states));
  REQUIRE(occupy(pool, 0, gate));
  REQUIRE(submit_device(pool, journal, "0", &work, true));
  REQUIRE(submit_device(pool, journal, "1", nullptr, false));
  gate.open();
  REQUIRE(eventually([&] { return work.waits > 0; }));
  CHECK_MESSAGE(pool.counters().queued == 1, "a task that has not started is not counted as queued");
  std::thread stopper([&] { pool.stop(); });
  const bool stopping = eventually([&] {
    std::unique_ptr<Task> none = std::make_unique<DeviceTask>("late", journal, nullptr, true);
    return !pool.submit(none, 0);
  });
  work.done.open();
  stopper.join();
  CHECK(stopping);
  CHECK_FALSE_MESSAGE(has(journal, "run 1"), "a task started after stop() was called");
}

TEST_CASE("a task for any lane is not held by one that would have to wait with it") {
  States states;
  Journal journal;
  HandedWork work;
  Gate first;
  Gate second;
  LanePool pool(with_fake_states(2, states));
  REQUIRE(occupy(pool, 0, first));
  REQUIRE(occupy(pool, 1, second));
  REQUIRE(submit_device(pool, journal, "0", &work, true, 0));
  REQUIRE(submit_device(pool, journal, "1", nullptr, false, LanePool::kAnyLane));
  first.open();
  REQUIRE(eventually([&] { return work.waits > 0; }));
  second.open();
  const bool ran = eventually([&] { return has(journal, "finished 1"); }) && !has(journal, "completed 0");
  work.done.open();
  CHECK_MESSAGE(ran, "a free lane did not run it while another waits for its device");
}

TEST_CASE("a pending task is neither completed nor is its lane free") {
  States states;
  Journal journal;
  std::array<HandedWork, 2> work;
  Gate gate;
  LanePool pool(with_fake_states(2, states));
  REQUIRE(occupy(pool, 1, gate));
  for (std::size_t i = 0; i < 2; ++i) REQUIRE(submit_device(pool, journal, std::to_string(i), &work[i], true, 1));
  CHECK(pool.counters().queued == 2);
  gate.open();
  REQUIRE(eventually([&] { return has(journal, "run 1"); }));
  REQUIRE(eventually([&] { return pool.counters().completed == 1; }));
  LaneCounters counters = pool.counters();
  CHECK_MESSAGE(counters.busy == 1, "a lane with two pending tasks is one busy lane");
  CHECK(counters.queued == 0);
  CHECK_FALSE_MESSAGE(states.idled > 1, "a lane was told to idle while work was pending");
  work[0].done.open();
  REQUIRE(eventually([&] { return pool.counters().completed == 2; }));
  CHECK(pool.counters().busy == 1);
  work[1].done.open();
  REQUIRE(eventually([&] { return pool.counters().completed == 3; }));
  counters = pool.counters();
  CHECK(counters.busy == 0);
  CHECK(counters.completed == 3);
}

// Only the pool of this test exists meanwhile, so no other test is affected.
TEST_CASE("quiesce_all() waits for what is pending") {
  States states;
  Journal journal;
  HandedWork work;
  LanePool pool(with_fake_states(1, states));
  REQUIRE(submit_device(pool, journal, "0", &work, true));
  REQUIRE(eventually([&] { return has(journal, "run 0"); }));
  CHECK_FALSE_MESSAGE(LanePool::quiesce_all(30), "work was pending, but all was said to be quiet");
  work.done.open();
  CHECK_MESSAGE(LanePool::quiesce_all(10'000), "the work was done, and yet something was said to run");
  CHECK(has(journal, "completed 0"));
}

// Everything at once, above all for ThreadSanitizer: a device that does things in another order than it was handed
// them.
TEST_CASE("3,000 tasks on three lanes, of which some pipeline and some leave nothing behind") {
  constexpr std::size_t kTasks = 3000;
  constexpr std::size_t kLanes = 3;
  std::mt19937 random(11);
  States states;
  std::array<Journal, kLanes> journals;
  std::deque<HandedWork> work(kTasks);
  std::array<Entries, kLanes> expected;
  std::array<Entries, kLanes> completed;  // of those that leave the device something
  std::array<Entries, kLanes> others;
  {
    LanePool pool(with_fake_states(kLanes, states));
    std::thread device([&, seed = random()] {
      std::mt19937 own(seed);
      constexpr std::size_t kWindow = 20;
      for (std::size_t start = 0; start < kTasks; start += kWindow) {
        std::vector<std::size_t> order;
        for (std::size_t i = start; i < std::min(start + kWindow, kTasks); ++i) order.push_back(i);
        std::ranges::shuffle(order, own);
        for (const std::size_t i : order) work[i].done.open();
        std::this_thread::yield();
      }
    });
    std::size_t refused = 0;
    for (std::size_t i = 0; i < kTasks; ++i) {
      const std::size_t lane = random() % kLanes;
      const bool hands = random() % 4 != 0;
      const bool needs = hands || random() % 2 != 0;
      const std::string name = std::to_string(i);
      const bool taken =
          needs ? submit_device(pool, journals[lane], name, hands ? &work[i] : nullptr, random() % 3 != 0, lane)
                : submit_without_device(pool, journals[lane], name, lane);
      if (!taken) ++refused;
      expected[lane].push_back("run " + name);
      (hands ? completed : others)[lane].push_back("finished " + name);
    }
    const bool ended = eventually([&] { return pool.counters().completed == kTasks; });
    device.join();
    CHECK(refused == 0);
    CHECK_MESSAGE(ended, "the lanes stand still after " << pool.counters().completed << " tasks");
  }
  for (std::size_t lane = 0; lane < kLanes; ++lane) {
    CAPTURE(lane);
    Entries ran = journals[lane].entries();
    Entries finished = ran;
    std::erase_if(ran, [](const std::string& entry) { return !entry.starts_with("run"); });
    CHECK_MESSAGE(ran == expected[lane], "tasks of one lane did not start in order");
    const auto is_other = [&](const std::string& entry) {
      return std::ranges::find(others[lane], entry) != others[lane].end();
    };
    std::erase_if(finished, [](const std::string& entry) { return !entry.starts_with("finished"); });
    CHECK_MESSAGE(std::ranges::count_if(finished, is_other) == std::ssize(others[lane]), "a task did not end once");
    std::erase_if(finished, is_other);
    CHECK_MESSAGE(finished == completed[lane], "tasks of one lane did not end in order");
  }
  for (std::size_t i = 0; i < kTasks; ++i) {
    CAPTURE(i);
    REQUIRE(work[i].completions <= 1);
    REQUIRE(work[i].completions == work[i].destroyed);
  }
}
