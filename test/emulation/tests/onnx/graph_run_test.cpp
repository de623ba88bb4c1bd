// CUDA graphs of models: recorded by the provider as the CUDA provider does, one for each lane and size.
#include <doctest/doctest.h>

#include <future>
#include <memory>
#include <optional>
#include <string>
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
  // Each holds its lane until all are there.
  std::promise<void> all_are_there;
  const std::shared_future<void> there = all_are_there.get_future().share();
  for (int lane = 0; lane < 3; ++lane) {
    captures.push_back(rig.submit([&](Lane& here) {
      there.wait();
      model->capture(here, inputs, kRows);
    }));
  }
  all_are_there.set_value();
  for (auto& one : captures) await(std::move(one));
  std::vector<std::vector<float>> results(30);
  std::vector<std::future<Outcome>> runs;
  for (auto& result : results) runs.push_back(submit(rig, *model, inputs, result, true));
  for (auto& run : runs) await(std::move(run));
  CHECK(results == std::vector<std::vector<float>>(30, kExpected));
  CHECK(model->graph_counters().replayed == 30);
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
