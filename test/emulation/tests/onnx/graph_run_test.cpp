// CUDA graphs of models: recorded by the provider as the CUDA provider does, one for each lane and size.
#include <doctest/doctest.h>

#include <chrono>
#include <future>
#include <latch>
#include <memory>
#include <optional>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "onnx/device_models.h"

using namespace tensorlane;
using namespace tensorlane::test;

namespace {

const Graphs::Rows kRows{{true}, {true}};

// On the lane that is free first: of a rig that has one.
void capture(Rig& rig, Model& model, const std::vector<InputParts>& inputs) {
  rig.run([&](Lane& lane) { model.capture(lane, inputs, kRows); });
}

std::vector<float> repeated(std::size_t rows) {
  std::vector<float> given;
  for (std::size_t i = 0; i < rows * 4; ++i) given.push_back(static_cast<float>(i % 7) - 3);
  return given;
}

}  // namespace

TEST_CASE("graph run: batches take the smallest graph that they fit in, and kernels are launched no more") {
  const Bytes bytes = doubling();
  Rig rig;
  const auto model = load_there(bytes, true);
  CHECK(model->no_graphs().empty());
  const std::vector<float> two = repeated(2);
  const std::vector<float> five = repeated(5);
  capture(rig, *model, inputs_of({operand(five)}));
  capture(rig, *model, inputs_of({operand(two)}));
  const std::uint64_t launches = emulation::calls("cudaLaunchKernel");
  for (std::size_t rows = 1; rows <= 5; ++rows) {
    const std::vector<float> given = repeated(rows);
    std::vector<float> wanted;
    for (const float x : given) wanted.push_back(x > 0 ? 2 * x : 0);
    CHECK(run_there(rig, *model, inputs_of({operand(given)}), true) == wanted);
  }
  CHECK(emulation::calls("cudaLaunchKernel") == launches);
  CHECK(model->graph_counters().replayed == 5);
  CHECK(model->graph_counters().padded_rows == 1 + 2 + 1);
  // What may not be filled up runs as it is.
  CHECK(run_there(rig, *model, inputs_of({operand(kGiven)})) == kExpected);
  CHECK(run_there(rig, *model, inputs_of({operand(std::vector<float>{1, 2, 3, 4})})) == std::vector<float>{2, 4, 6, 8});
  CHECK(model->graph_counters().replayed == 6);
  CHECK(model->graph_counters().plain == 1);
}

TEST_CASE("graph run: lanes have their own, and take turns") {
  const Bytes bytes = doubling();
  Rig rig({.lanes = 3});
  const auto model = load_there(bytes, true);
  std::vector<std::future<Outcome>> captures;
  const auto inputs = inputs_of({operand(kGiven)});
  // Each holds its lane until all have begun, so that no lane takes two.
  std::latch all_have_begun(3);
  for (int lane = 0; lane < 3; ++lane) {
    captures.push_back(rig.submit([&](Lane& here) {
      all_have_begun.arrive_and_wait();
      model->capture(here, inputs, kRows);
    }));
  }
  for (auto& one : captures) await(std::move(one));
  std::vector<std::vector<float>> results(30);
  std::vector<std::future<Outcome>> runs;
  for (auto& result : results) runs.push_back(submit(rig, *model, inputs, result, true));
  for (auto& run : runs) await(std::move(run));
  CHECK(results == std::vector<std::vector<float>>(30, kExpected));
  CHECK(model->graph_counters().replayed == 30);
}

TEST_CASE("graph run: what the runtime could not wait for has ended before the run has failed") {
  const Bytes bytes = doubling();
  Rig rig;
  const auto model = load_there(bytes, true);
  const auto inputs = inputs_of({operand(kGiven)});
  capture(rig, *model, inputs);
  std::vector<float> result;
  Hold hold;
  const std::uint64_t before = emulation::calls("cudaDeviceSynchronize");
  emulation::plan_fault("cudaDeviceSynchronize", 1, cudaErrorInvalidValue);
  auto run = submit(rig, *model, inputs, result, true);
  // The runtime's, which fails, and one more that waits. Only so that a failure is no hang is there an end to it.
  const auto waits = [&] { return emulation::calls("cudaDeviceSynchronize") - before; };
  const auto until = std::chrono::steady_clock::now() + std::chrono::seconds(20);
  while (waits() < 2 && std::chrono::steady_clock::now() < until) std::this_thread::yield();
  CHECK_MESSAGE(waits() == 2, "nobody waits for the kernel that still runs");
  CHECK(run.wait_for(std::chrono::seconds(0)) == std::future_status::timeout);
  hold.let_go();
  CHECK(cuda::testing::code_of([&] { await(std::move(run)); }) == Code::Model);
  CHECK(run_there(rig, *model, inputs, true) == kExpected);
}

TEST_CASE("graph run: every call fails in turn; each time a typed error, and nothing leaks") {
  const Bytes bytes = doubling();
  const auto load = [&](Rig& rig) {
    auto model = load_there(bytes, true);
    capture(rig, *model, inputs_of({operand(repeated(4))}));
    return model;
  };
  sweep(load, inputs_of({operand(kGiven)}), kExpected);
}

TEST_CASE("graph run: every call fails in turn while it is recorded; each time a typed error, and nothing leaks") {
  const Bytes bytes = doubling();
  const auto inputs = inputs_of({operand(kGiven)});
  std::uint64_t calls = 0;
  {
    Rig rig;
    const auto model = load_there(bytes, true);
    const std::uint64_t before = emulation::calls();
    capture(rig, *model, inputs);
    calls = emulation::calls() - before;
  }
  REQUIRE(calls > 40);
  cuda::testing::for_each_fault(calls, 1, [&](std::uint64_t nth, const cuda::testing::FaultKind& kind) {
    Rig rig;
    const auto model = load_there(bytes, true);
    emulation::plan_fault("", nth, kind.error);
    std::string message;
    const auto code = cuda::testing::code_of([&] { capture(rig, *model, inputs); }, &message);
    emulation::clear_faults();
    INFO("it ended with: ", message);
    if (kind.loses) {
      if (code.has_value()) CHECK(*code == Code::DeviceLost);
      emulation::reset_errors();
    } else if (code.has_value()) {
      CHECK((*code == Code::Model || *code == Code::OutOfMemory || *code == Code::Internal));
      CHECK_FALSE(rig.context().health().lost());
    } else {
      CHECK(run_there(rig, *model, inputs, true) == kExpected);
    }
  });
}
