// Events between lanes, by tasks like those of binding/stream_tasks.h: one marks when it is destroyed, one waits.
#include "core/lanes/event.h"

#include <doctest/doctest.h>

#include <atomic>
#include <chrono>
#include <memory>
#include <random>
#include <thread>
#include <utility>
#include <vector>

#include "core/lanes/lane.h"
#include "support/tasks.h"

using namespace tensorlane;
using namespace tensorlane::test;

namespace {

class RecordTask final : public Task {
 public:
  explicit RecordTask(std::shared_ptr<Event> event) : event_(std::move(event)) {}
  ~RecordTask() override { event_->mark_done(); }
  void run(Lane& /*lane*/) noexcept override {}

 private:
  std::shared_ptr<Event> event_;
};

class WaitTask final : public Task {
 public:
  explicit WaitTask(std::shared_ptr<Event> event) : event_(std::move(event)) {}
  void run(Lane& /*lane*/) noexcept override { event_->wait_done(); }

 private:
  std::shared_ptr<Event> event_;
};

std::shared_ptr<Event> record(LanePool& pool, std::size_t lane) {
  auto event = std::make_shared<Event>();
  std::unique_ptr<Task> task = std::make_unique<RecordTask>(event);
  return pool.submit(task, lane) ? event : nullptr;
}

bool wait(LanePool& pool, std::size_t lane, std::shared_ptr<Event> event) {
  std::unique_ptr<Task> task = std::make_unique<WaitTask>(std::move(event));
  return pool.submit(task, lane);
}

}  // namespace

TEST_CASE("an event starts with nothing done, and stays done") {
  Event event;
  CHECK_FALSE(event.done());
  event.mark_done();
  CHECK(event.done());
  event.wait_recorded();
  event.wait_done();
  event.mark_done();
  CHECK(event.done());
}

TEST_CASE("an event that the lane has come to is not done yet") {
  Event event;
  Gate came;
  Gate passed;
  std::thread waiting([&] {
    event.wait_recorded();
    came.open();
    event.wait_done();
    passed.open();
  });
  event.mark_recorded();
  const bool saw_record = came.wait();
  const bool done = event.done();
  std::this_thread::sleep_for(std::chrono::milliseconds(5));
  const bool early = passed.is_open();
  event.mark_done();
  waiting.join();
  CHECK_MESSAGE(saw_record, "wait_recorded() did not return");
  CHECK_FALSE_MESSAGE(done, "the record alone made the event done");
  CHECK_FALSE_MESSAGE(early, "wait_done() returned before the event was done");
}

// What a device keeps in an event must be there for whoever waits for the record.
TEST_CASE("whoever waits for the record finds the device's event") {
  for (int round = 0; round < 50; ++round) {
    CAPTURE(round);
    Event event;
    std::shared_ptr<void> seen;
    std::thread waiting([&] {
      event.wait_recorded();
      seen = event.device;
    });
    event.device = std::make_shared<int>(round);  // ThreadSanitizer is the judge
    event.mark_recorded();
    waiting.join();
    REQUIRE(seen == event.device);
  }
}

TEST_CASE("a lane that waits for another's event sees what was written before it") {
  for (int round = 0; round < 50; ++round) {
    CAPTURE(round);
    int value = 0;  // not atomic: the event alone orders the two, and ThreadSanitizer is the judge
    int seen = -1;
    Gate done;
    LanePool pool(2);
    REQUIRE(submit(
        pool,
        [&](Lane& /*lane*/) {
          if (round % 2 == 0) std::this_thread::sleep_for(std::chrono::microseconds(200));
          value = 7;
        },
        0));
    const auto event = record(pool, 0);
    REQUIRE(event != nullptr);
    REQUIRE(wait(pool, 1, event));
    REQUIRE(submit(
        pool,
        [&](Lane& /*lane*/) {
          seen = value;
          done.open();
        },
        1));
    REQUIRE_MESSAGE(done.wait(), "the waiting lane was not let go");
    CHECK_MESSAGE(seen == 7, "the waiting lane went on before the event");
  }
}

TEST_CASE("an event holds back the lane that waits, and no other") {
  Gate gate;
  Gate behind;
  Gate elsewhere;
  LanePool pool(3);
  REQUIRE(submit(pool, [&](Lane& /*lane*/) { gate.wait(); }, 0));
  const auto event = record(pool, 0);
  REQUIRE(wait(pool, 1, event));
  std::atomic<bool> too_early{false};
  REQUIRE(submit(
      pool,
      [&](Lane& /*lane*/) {
        too_early = !event->done();
        behind.open();
      },
      1));
  REQUIRE(submit(pool, [&](Lane& /*lane*/) { elsewhere.open(); }, 2));
  const bool free_lane_ran = elsewhere.wait();
  const bool early = event->done();
  gate.open();
  CHECK_MESSAGE(free_lane_ran, "a lane that waits for nothing was held back");
  CHECK_FALSE_MESSAGE(early, "the event was done before the work that precedes it ended");
  CHECK(behind.wait());
  CHECK_FALSE(too_early);
}

TEST_CASE("many lanes may wait for one event") {
  Gate gate;
  Count passed;
  LanePool pool(5);
  REQUIRE(submit(pool, [&](Lane& /*lane*/) { gate.wait(); }, 0));
  const auto event = record(pool, 0);
  for (std::size_t lane = 1; lane < 5; ++lane) {
    REQUIRE(wait(pool, lane, event));
    REQUIRE(submit(pool, [&](Lane& /*lane*/) { passed.add(); }, lane));
  }
  CHECK(passed.value() == 0);
  gate.open();
  CHECK_MESSAGE(passed.wait_for(4), "only " << passed.value() << " of 4 waiting lanes were let go");
}

TEST_CASE("stop() lets go who waits for an event that will not be reached") {
  Gate gate;
  Gate waiting;
  LanePool pool(2);
  REQUIRE(submit(pool, [&](Lane& /*lane*/) { gate.wait(); }, 0));
  const auto event = record(pool, 0);
  REQUIRE(submit(
      pool,
      [&](Lane& /*lane*/) {
        waiting.open();
        event->wait_done();
      },
      1));
  REQUIRE(waiting.wait());
  std::thread stopper([&] { pool.stop(); });
  // Lane 0 is still busy: it is the discarding that lets go.
  const bool done = eventually([&] { return event->done(); });
  gate.open();
  stopper.join();
  CHECK_MESSAGE(done, "the event of the discarded record was not done");
}

TEST_CASE("an event whose record was refused is done") {
  LanePool pool(1);
  pool.stop();
  auto event = std::make_shared<Event>();
  std::unique_ptr<Task> task = std::make_unique<RecordTask>(event);
  REQUIRE_FALSE(pool.submit(task));
  CHECK_FALSE(event->done());
  task.reset();
  CHECK(event->done());
}

// A wait always comes after its record in the order of submission, so no cycle can form, however they are mixed.
TEST_CASE("random records and waits never deadlock") {
  constexpr std::size_t kLanes = 4;
  std::mt19937 random(3);
  std::vector<std::shared_ptr<Event>> events;
  Gate done;
  LanePool pool(kLanes);
  const auto any = [&] {
    const std::size_t lane = random() % (kLanes + 1);
    return lane == kLanes ? LanePool::kAnyLane : lane;
  };
  for (int i = 0; i < 2000; ++i) {
    if (events.empty() || random() % 2 == 0) {
      events.push_back(record(pool, any()));
      REQUIRE(events.back() != nullptr);
    } else {
      REQUIRE(wait(pool, any(), events[events.size() - 1 - random() % std::min<std::size_t>(events.size(), 8)]));
    }
  }
  REQUIRE_MESSAGE(eventually([&] { return pool.counters().completed == 2000; }),
                  "the lanes stand still after " << pool.counters().completed << " of 2000 tasks");
  for (std::size_t i = 0; i < events.size(); ++i) {
    CAPTURE(i);
    CHECK(eventually([&] { return events[i]->done(); }));
  }
}
