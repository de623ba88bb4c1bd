// The threads that models share: whom they help, where they sleep, and that nobody's result depends on it.
#include "onnx/threads/shared_threads.h"

#include <doctest/doctest.h>

#include <atomic>
#include <chrono>
#include <memory>
#include <random>
#include <thread>
#include <vector>

#include "core/cores/cores.h"
#include "onnx/support.h"

using namespace tensorlane;
using namespace tensorlane::test;
using namespace std::chrono_literals;

namespace {

std::unique_ptr<Model> load_sharing() {
  return std::make_unique<Model>(runtime(), std::string(TENSORLANE_TEST_MODEL), ModelOptions{});
}

// A hang ends with the test program's own limit.
template <typename Condition>
void await(Condition condition) {
  while (!condition()) std::this_thread::sleep_for(1ms);
}

struct Fake {
  std::atomic<bool> is_long{true};
};

}  // namespace

TEST_CASE("shared threads: at rest all of them sleep, and nobody looks after them") {
  SharedThreads* threads = runtime().shared_threads.get();
  if (threads == nullptr) {
    CHECK_MESSAGE(usable_cores() == 1, "with several cores there are some");
    return;
  }
  CHECK(threads->counters().helpers == usable_cores() - 1);
  await([&] { return threads->counters().sleeping == threads->counters().helpers; });
  CHECK(threads->counters().running == 0);
}

TEST_CASE("shared threads: one run lets them go, as many as cores park them, and so does the end") {
  SharedThreads* threads = runtime().shared_threads.get();
  if (threads == nullptr) return;
  const auto all_sleep = [&] { return threads->counters().sleeping == threads->counters().helpers; };
  await(all_sleep);
  Fake model;
  {
    const SharedThreads::Run first(threads, model.is_long);
    await([&] { return threads->counters().sleeping == 0; });
    std::vector<std::unique_ptr<SharedThreads::Run>> others;
    for (unsigned i = 1; i < usable_cores(); ++i) {
      others.push_back(std::make_unique<SharedThreads::Run>(threads, model.is_long));
    }
    CHECK(threads->counters().running == usable_cores());
    await(all_sleep);
    // Those that go on are helped again.
    const std::uint32_t released = threads->counters().released;
    others.pop_back();
    await([&] { return threads->counters().released > released; });
  }
  await(all_sleep);
}

TEST_CASE("shared threads: a model whose runs are short wakes nobody") {
  SharedThreads* threads = runtime().shared_threads.get();
  if (threads == nullptr) return;
  await([&] { return threads->counters().sleeping == threads->counters().helpers; });
  Fake model;
  model.is_long = false;
  const std::uint32_t released = threads->counters().released;
  {
    const SharedThreads::Run run(threads, model.is_long);
    std::this_thread::sleep_for(1ms);
  }
  CHECK(threads->counters().released == released);
  CHECK_MESSAGE(model.is_long, "a run of a millisecond is long");
}

TEST_CASE("shared threads: a run that is to be alone wakes nobody, however long it is") {
  SharedThreads* threads = runtime().shared_threads.get();
  if (threads == nullptr) return;
  await([&] { return threads->counters().sleeping == threads->counters().helpers; });
  Fake model;
  const std::uint32_t released = threads->counters().released;
  {
    const SharedThreads::Run run(threads, model.is_long, true);
    std::this_thread::sleep_for(1ms);
  }
  CHECK(threads->counters().released == released);
}

TEST_CASE("shared threads: results are the same to the last bit, helped or not, shared or of its own as many") {
  Lane lane(0);
  const auto shared = load_sharing();
  Model own(runtime(), std::string(TENSORLANE_TEST_MODEL), ModelOptions{.threads = usable_cores()});
  for (const std::int64_t rows : {1, 3, 8}) {
    const std::vector<float> data = images(rows);
    const std::vector<float> expected = run(own, lane, input_of(data));
    CHECK(run(*shared, lane, input_of(data)) == expected);
    CHECK(run(*shared, lane, input_of(data), true) == expected);
    std::vector<std::vector<float>> results(2 * usable_cores());
    std::vector<std::thread> callers;
    for (std::size_t i = 0; i < results.size(); ++i) {
      callers.emplace_back([&, i] {
        Lane other(i);
        for (int again = 0; again < 5; ++again) results[i] = run(*shared, other, input_of(data));
      });
    }
    for (std::thread& caller : callers) caller.join();
    for (const auto& result : results) CHECK(result == expected);
  }
}

TEST_CASE("shared threads: nothing hangs in a storm of runs, loads and unloads, and all sleep after it") {
  std::vector<std::thread> callers;
  const auto shared = load_sharing();
  std::atomic<int> done{0};
  for (unsigned caller = 0; caller < 4; ++caller) {
    callers.emplace_back([&, caller] {
      Lane lane(caller);
      std::mt19937 random(caller);
      for (unsigned i = 0; i < 40; ++i) {
        const std::vector<float> data = images(1 + static_cast<std::int64_t>(random() % 4), i);
        const bool loads = random() % 8 == 0;
        const std::size_t size = run(loads ? *load_sharing() : *shared, lane, input_of(data)).size();
        if (size == data.size() / kRow * 2) ++done;
        if (random() % 4 == 0) std::this_thread::sleep_for(std::chrono::microseconds(random() % 3000));
      }
    });
  }
  for (std::thread& caller : callers) caller.join();
  CHECK(done == 160);
  SharedThreads* threads = runtime().shared_threads.get();
  if (threads == nullptr) return;
  await([&] { return threads->counters().sleeping == threads->counters().helpers; });
  CHECK(threads->counters().running == 0);
}
