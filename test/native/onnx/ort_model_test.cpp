// Running a model: alone and on several lanes at once, ended early, and given back.
#include <doctest/doctest.h>

#include <cmath>
#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <vector>

#include "onnx/support.h"
#include "support/tasks.h"

using namespace tensorlane;
using namespace tensorlane::test;

// Both sanitizers have this, but g++ comes without the header that declares it.
extern "C" std::size_t __sanitizer_get_current_allocated_bytes();

TEST_CASE("ort: a run gives probabilities, and each row of a batch is that row alone") {
  Lane lane(0);
  const auto model = load();
  const std::vector<float> data = images(3);
  const std::vector<float> batch = run(*model, lane, input_of(data));
  REQUIRE(batch.size() == 6);
  for (std::size_t i = 0; i < 3; ++i) {
    CAPTURE(i);
    CHECK(batch[2 * i] + batch[2 * i + 1] == doctest::Approx(1).epsilon(1e-5));
    const auto begin = data.begin() + static_cast<std::ptrdiff_t>(i) * kRow;
    const std::vector<float> alone = run(*model, lane, input_of(std::vector<float>(begin, begin + kRow)));
    REQUIRE(alone.size() == 2);
    CHECK(std::abs(alone[0] - batch[2 * i]) < 1e-5F);
    CHECK(std::abs(alone[1] - batch[2 * i + 1]) < 1e-5F);
  }
}

TEST_CASE("ort: one model runs on several lanes at once") {
  constexpr std::size_t kLanes = 3;
  constexpr std::size_t kRuns = 12;
  const auto model = load();
  std::vector<std::vector<float>> data;
  std::vector<std::vector<float>> expected;
  Lane own(0);
  for (std::size_t i = 0; i < kRuns; ++i) {
    data.push_back(images(2, static_cast<unsigned>(i)));
    expected.push_back(run(*model, own, input_of(data[i])));
  }
  std::vector<std::vector<float>> results(kRuns);
  Count done;
  LanePool pool(kLanes);
  for (std::size_t i = 0; i < kRuns; ++i) {
    const auto task = [&, i](Lane& lane) {
      // One whole, one in parts: the parts are gathered in each lane's own workspace.
      const std::vector<std::size_t> cuts{kRowBytes};
      results[i] = run(*model, lane, input_of(data[i], i % 2 == 0 ? cuts : std::vector<std::size_t>{}));
      done.add();
    };
    REQUIRE(submit(pool, task, i % kLanes));
  }
  REQUIRE(done.wait_for(kRuns));
  for (std::size_t i = 0; i < kRuns; ++i) {
    CAPTURE(i);
    CHECK_MESSAGE(results[i] == expected[i], "a run on a lane gave another result than alone");
  }
}

TEST_CASE("ort: terminate() ends the run in progress early, and refuses the next") {
  const std::vector<float> data = images(64);
  Lane lane(0);
  // terminate() may also come between two runs, whereupon the next is refused; so it is tried until it meets one.
  constexpr int kAttempts = 50;
  bool ended_early = false;
  for (int attempt = 0; attempt < kAttempts && !ended_early; ++attempt) {
    const auto model = load();
    std::optional<Error> error;
    Gate started;
    Gate ended;
    LanePool pool(1);
    REQUIRE(submit(pool, [&](Lane& own) {
      started.open();
      while (!error.has_value()) error = failure([&] { run(*model, own, input_of(data)); });
      ended.open();
    }));
    REQUIRE(started.wait());
    give_time();
    model->terminate();
    REQUIRE_MESSAGE(ended.wait(), "runs go on after terminate()");
    INFO(error->what());
    ended_early = error->code() == Code::Model;
    if (!ended_early) CHECK(error->code() == Code::Disposed);

    error = failure([&] { run(*model, lane, input_of(data)); });
    REQUIRE_MESSAGE(error.has_value(), "a run was started after terminate()");
    CHECK(error->code() == Code::Disposed);
    model->terminate();  // once more does no harm
  }
  CHECK_MESSAGE(ended_early, "no run of " << kAttempts << " that were in progress was ended");
}

#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)  // which count what is allocated
// LeakSanitizer sees what can no longer be reached; what is kept for ever but grows shows in the heap's size only.
TEST_CASE("ort: load, run, free, again and again, leaves the heap as it was") {
  Lane lane(0);
  const std::vector<float> data = images(1);
  const auto round = [&] {
    const auto model = load();
    REQUIRE(run(*model, lane, input_of(data)).size() == 2);
    REQUIRE(failure([&] { Model(runtime(), std::span<const std::byte>(), kOneThread); }).has_value());
  };
  for (int i = 0; i < 3; ++i) round();  // what is allocated once
  const auto before = static_cast<std::int64_t>(__sanitizer_get_current_allocated_bytes());
  constexpr int kRounds = 10;
  for (int i = 0; i < kRounds; ++i) round();
  const std::int64_t growth = static_cast<std::int64_t>(__sanitizer_get_current_allocated_bytes()) - before;
  // Nothing grows. A model that stayed would cost half a megabyte a round, what the runtime notes of a session
  // kilobytes.
  CHECK_MESSAGE(growth / kRounds < 1'000, "the heap grew by " << growth / kRounds << " bytes a round");
}
#endif
