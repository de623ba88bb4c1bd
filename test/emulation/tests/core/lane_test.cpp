#include <doctest/doctest.h>

#include <atomic>
#include <cstring>
#include <numeric>
#include <thread>

#include "core/lanes/event.h"
#include "cuda/memory/cuda_buffer.h"
#include "cuda/runtime/context.h"
#include "cuda/runtime/status_words.h"
#include "support/fault_sweep.h"
#include "support/rig.h"

using namespace tensorlane;
using namespace tensorlane::cuda;
using namespace tensorlane::cuda::testing;

namespace {

std::vector<float> counting(std::size_t count) {
  std::vector<float> values(count);
  std::iota(values.begin(), values.end(), 1.0F);
  return values;
}

// Host to device, three additions, and back: on one buffer, through lanes as they come.
void round_trip(Rig& rig, std::size_t lanes = 1) {
  std::vector<float> given = counting(1000);
  std::vector<float> got(given.size());
  std::shared_ptr<Buffer> buffer;
  rig.run([&](Lane& lane) {
    buffer = rig.device().allocate(lane, given.size() * sizeof(float));
    rig.device().copy(lane, host(given), on_device(buffer));
  });
  for (std::size_t i = 0; i < 3; ++i) {
    const auto step = [&](Lane& lane) {
      CudaLane& here = CudaLane::of(lane);
      auto* data = static_cast<float*>(here.writes(on_device(buffer)));
      add(here.stream(), data, data, given.size(), 1);
    };
    rig.run(step, i % lanes);
  }
  rig.run([&](Lane& lane) { rig.device().copy(lane, on_device(buffer), host(got)); });
  for (float& value : given) value += 3;
  CHECK(got == given);
}

}  // namespace

TEST_CASE("a buffer goes through the lanes in the order of the tasks") {
  const emulation::Live before = alive();
  {
    Rig rig({.lanes = 4});
    for (int i = 0; i < 5; ++i) round_trip(rig, 4);
  }
  check_nothing_leaked(before);
}

TEST_CASE("tasks that follow one another without waiting are ordered by events alone") {
  emulation::config().delay_seed = 7;
  const emulation::Live before = alive();
  {
    Rig rig({.lanes = 3});
    std::vector<float> given = counting(256);
    std::vector<float> got(given.size());
    std::shared_ptr<Buffer> buffer;
    rig.run([&](Lane& lane) {
      buffer = rig.device().allocate(lane, given.size() * sizeof(float));
      rig.device().copy(lane, host(given), on_device(buffer));
    });
    std::vector<std::future<Outcome>> ended;
    std::shared_ptr<Event> last;
    for (std::size_t i = 0; i < 12; ++i) {
      auto next = std::make_shared<Event>();
      ended.push_back(rig.submit(
          [&rig, buffer, last, next, count = given.size()](Lane& lane) {
            CudaLane& here = CudaLane::of(lane);
            if (last != nullptr) here.wait(*last);
            auto* data = static_cast<float*>(here.writes(on_device(buffer)));
            add(here.stream(), data, data, count, 1);
            here.record(*next);
            next->mark_recorded();
          },
          i % 3));
      last = next;
    }
    for (auto& one : ended) await(std::move(one));
    rig.run([&](Lane& lane) { rig.device().copy(lane, on_device(buffer), host(got)); });
    for (float& value : given) value += 12;
    CHECK(got == given);
  }
  emulation::config().delay_seed = 0;
  check_nothing_leaked(before);
}

TEST_CASE("what was deferred runs when the device is done, in order, and its first failure is the task's") {
  Rig rig;
  std::vector<int> ran;
  const auto code = code_of([&] {
    rig.run([&](Lane& lane) {
      CudaLane& here = CudaLane::of(lane);
      static_cast<void>(here.stream());
      here.defer([&] { ran.push_back(1); });
      here.defer([&] {
        ran.push_back(2);
        throw Error(Code::Singular, "the first");
      });
      here.defer([&] {
        ran.push_back(3);
        throw Error(Code::NotFinite, "the second");
      });
    });
  });
  CHECK(code == Code::Singular);
  CHECK(ran == std::vector<int>{1, 2, 3});
}

TEST_CASE("a task that fails half way still holds what the device uses") {
  emulation::config().delay_seed = 11;
  Rig rig;
  for (int i = 0; i < 20; ++i) {
    auto kept = std::make_shared<std::vector<float>>(1000, 1.0F);
    const std::weak_ptr<void> held = kept;
    std::future<Outcome> ended = rig.submit([&, kept = std::move(kept)](Lane& lane) mutable {
      CudaLane& here = CudaLane::of(lane);
      const Temporary memory = here.temporary(4000);
      std::byte* block = here.pinned(4000);
      std::memset(block, 1, 4000);
      here.context().events().record(here.stream())->let_wait(here.copy_in());  // the memory is there from then on
      check(cudaMemcpyAsync(memory.as(), block, 4000, cudaMemcpyHostToDevice, here.copy_in()), "cudaMemcpyAsync");
      here.keep(std::move(kept));
      here.join_copies();
      throw Error(Code::Internal, "half way");
    });
    CHECK(code_of([&] { await(std::move(ended)); }) == Code::Internal);
    CHECK(held.expired());
  }
  emulation::config().delay_seed = 0;
  CHECK(rig.device().memory().pinned_used == 0);
}

TEST_CASE("status words name the matrices that failed") {
  Rig rig;
  std::string message;
  std::vector<std::int64_t> indices;
  try {
    rig.run([&](Lane& lane) {
      CudaLane& here = CudaLane::of(lane);
      StatusWords words(here, 8);
      check(cudaMemsetAsync(words.at(5), 1, sizeof(int), here.stream()), "cudaMemsetAsync");
      words.check(Code::Singular, "singular matrices");
      StatusWords(here, 0).check(Code::Singular, "none of none");
    });
    FAIL("no error came");
  } catch (const Error& error) {
    CHECK(error.code() == Code::Singular);
    indices = error.indices();
  }
  CHECK(indices == std::vector<std::int64_t>{5});
}

TEST_CASE("a lost device refuses what is queued, with the first cause") {
  const emulation::Live before = alive();
  {
    Rig rig({.lanes = 2});
    std::promise<void> go;
    std::shared_future<void> gone(go.get_future());
    std::vector<std::future<Outcome>> queued;
    for (std::size_t i = 0; i < 2; ++i) {
      queued.push_back(rig.submit(
          [gone](Lane& lane) {
            gone.wait();
            check(cudaMemsetAsync(nullptr, 0, 0, CudaLane::of(lane).stream()), "cudaMemsetAsync");
          },
          i));
    }
    for (std::size_t i = 0; i < 10; ++i) {
      queued.push_back(rig.submit([&](Lane& lane) { static_cast<void>(CudaLane::of(lane).temporary(64)); }));
    }
    emulation::fail_device(0, cudaErrorIllegalAddress);
    go.set_value();
    for (auto& one : queued) {
      std::string message;
      CHECK(code_of([&] { await(std::move(one)); }, &message) == Code::DeviceLost);
      CHECK(message.find("cudaErrorIllegalAddress") != std::string::npos);
    }
    CHECK(code_of([&] { rig.run([](Lane&) {}); }) == Code::DeviceLost);
    emulation::reset_errors();
    CHECK_MESSAGE(code_of([&] { rig.run([](Lane&) {}); }) == Code::DeviceLost, "a lost device came back");
  }
  check_nothing_leaked(before);
}

TEST_CASE("a failure while the device works is met by the task that waits for it") {
  const emulation::Live before = alive();
  {
    Rig rig;
    std::vector<float> given = counting(64);
    bool looked = false;
    const auto code = code_of([&] {
      rig.run([&](Lane& lane) {
        CudaLane& here = CudaLane::of(lane);
        const auto buffer = rig.device().allocate(lane, 256);
        rig.device().copy(lane, host(given), on_device(buffer));
        here.defer([&] { looked = true; });
        const cudaError_t error =
            emulation::enqueue(here.stream(), [] { emulation::fail_device(0, cudaErrorLaunchFailure); });
        check(error, "a kernel that goes wrong");
      });
    });
    CHECK(code == Code::DeviceLost);
    CHECK_FALSE(looked);
    emulation::reset_errors();
  }
  check_nothing_leaked(before);
}

TEST_CASE("where no event can be recorded the lane waits before it gives anything back") {
  emulation::config().delay_seed = 3;
  Rig rig;
  std::vector<float> given = counting(5000);
  std::vector<float> got(given.size());
  std::shared_ptr<Buffer> buffer;
  rig.run([&](Lane& lane) { buffer = rig.device().allocate(lane, given.size() * sizeof(float)); });
  emulation::plan_fault("cudaEventRecord", 1, cudaErrorInvalidValue);
  rig.run([&](Lane& lane) { rig.device().copy(lane, host(given), on_device(buffer)); });
  emulation::plan_fault("cudaEventSynchronize", 1, cudaErrorInvalidValue);
  rig.run([&](Lane& lane) { rig.device().copy(lane, on_device(buffer), host(got)); });
  emulation::clear_faults();
  emulation::config().delay_seed = 0;
  CHECK(got == given);
}

TEST_CASE("a device that cannot be waited for at all is lost") {
  const std::size_t pinned_before = emulation::live().pinned_bytes;
  {
    Rig rig;
    emulation::plan_fault("cudaEventRecord", 1, cudaErrorInvalidValue);
    emulation::plan_fault("cudaStreamSynchronize", 1, cudaErrorInvalidValue);
    std::vector<float> given = counting(100);
    CHECK(code_of([&] {
            rig.run(
                [&](Lane& lane) { rig.device().copy(lane, host(given), on_device(rig.device().allocate(lane, 400))); });
          }) == Code::DeviceLost);
    emulation::clear_faults();
    CHECK(code_of([&] { rig.run([](Lane&) {}); }) == Code::DeviceLost);
  }
  CHECK_MESSAGE(emulation::live().pinned_bytes > pinned_before, "memory that the device may still use was given back");
}

TEST_CASE("many lanes at once") {
  const emulation::Live before = alive();
  {
    Rig rig({.lanes = 8, .high_priority = 2});
    std::vector<std::vector<float>> given(64);
    std::vector<std::vector<float>> got(64);
    std::vector<std::future<Outcome>> ended;
    for (std::size_t i = 0; i < given.size(); ++i) {
      given[i] = counting(100 + i);
      got[i].resize(given[i].size());
      ended.push_back(rig.submit([&, i](Lane& lane) {
        CudaLane& here = CudaLane::of(lane);
        const auto buffer = rig.device().allocate(lane, given[i].size() * sizeof(float));
        rig.device().copy(lane, host(given[i]), on_device(buffer));
        auto* data = static_cast<float*>(here.writes(on_device(buffer)));
        add(here.stream(), data, data, given[i].size(), 1);
        rig.device().copy(lane, on_device(buffer), host(got[i]));
      }));
    }
    for (auto& one : ended) await(std::move(one));
    for (std::size_t i = 0; i < given.size(); ++i) {
      for (float& value : given[i]) value += 1;
      CHECK(got[i] == given[i]);
    }
  }
  check_nothing_leaked(before);
}

TEST_CASE("the last lanes have streams of higher priority") {
  Rig rig({.lanes = 3, .high_priority = 1});
  int priorities[3] = {};
  for (std::size_t i = 0; i < 3; ++i) {
    rig.run(
        [&](Lane& lane) {
          check(cudaStreamGetPriority(CudaLane::of(lane).stream(), &priorities[i]), "cudaStreamGetPriority");
        },
        i);
  }
  CHECK(priorities[0] == priorities[1]);
  CHECK(priorities[2] < priorities[1]);  // in CUDA the lower number goes first
}

TEST_CASE("a stopped pool discards what is queued and ends what runs") {
  const emulation::Live before = alive();
  {
    Rig rig;
    std::promise<void> go;
    std::shared_future<void> gone(go.get_future());
    std::promise<void> started;
    auto first = rig.submit([&started, gone](Lane& lane) {
      started.set_value();
      static_cast<void>(CudaLane::of(lane).stream());
      gone.wait();
    });
    auto second = rig.submit([](Lane&) {});
    started.get_future().wait();
    std::thread stopper([&] { rig.pool().stop(); });
    CHECK(code_of([&] { await(std::move(second)); }) == Code::Disposed);
    go.set_value();
    await(std::move(first));
    stopper.join();
  }
  check_nothing_leaked(before);
}

TEST_CASE("every call of copies, buffers and their lanes may fail") {
  sweep_faults([](Rig& rig) { round_trip(rig, 2); }, {.lanes = 2});
}
