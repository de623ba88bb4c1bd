// Runs of models in the device's memory: bound there, handed over without waiting, their copies beside other runs' work.
#include <doctest/doctest.h>

#include <chrono>
#include <cstring>
#include <future>
#include <memory>
#include <optional>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "cuda/memory/cuda_buffer.h"
#include "cuda/onnx/model_run.h"
#include "cuda/runtime/context.h"
#include "emulation.h"
#include "onnx/device_models.h"
#include "onnx/model_bytes.h"
#include "onnx/support.h"
#include "support/fault_sweep.h"

using namespace tensorlane;
using namespace tensorlane::test;
using tensorlane::cuda::CudaLane;

namespace {

// The same of bytes, of which the largest of each row is given, and where it is.
std::unique_ptr<Model> load_stepped(Rig& rig, const Bytes& bytes) {
  ModelOptions options{1, 0, {{.name = "EmulatedCudaExecutionProvider", .library = TENSORLANE_TEST_PROVIDER}}};
  options.before = {{"x", {{.kind = StepKind::Cast, .from = DType::UInt8}}}};
  options.after = {{"y", {{.kind = StepKind::TopK, .k = 1, .indices = "at"}}}};
  RunPlace place{std::make_shared<cuda::CudaModelRuns>(), kNvidia, 0};
  place.operations = rig.shared_device();
  return std::make_unique<Model>(runtime(), as_span(bytes), options, std::move(place));
}

}  // namespace

TEST_CASE("device run: of inputs in host memory, in one piece and in parts") {
  const Bytes bytes = doubling();
  Rig rig;
  const auto model = load_there(bytes);
  REQUIRE(model->in_device_memory());
  const auto whole = inputs_of({operand(kGiven)});
  REQUIRE(model->runs_there(whole, kFirst));
  CHECK(run_there(rig, *model, whole) == kExpected);
  CHECK(run_there(rig, *model, inputs_of(parts_of(operand(kGiven), {16}))) == kExpected);
  const std::vector<float> none;
  CHECK(run_there(rig, *model, inputs_of({operand(none)})).empty());
}

TEST_CASE("device run: each byte crosses once in each direction, whatever the size") {
  const Bytes bytes = doubling();
  Rig rig;
  const auto model = load_there(bytes);
  const std::vector<float> given(1024, 1.5F);
  const auto inputs = inputs_of({operand(given)});
  static_cast<void>(run_there(rig, *model, inputs));
  const std::uint64_t before = emulation::calls("cudaMemcpyAsync") + emulation::calls("cudaMemcpy");
  CHECK(run_there(rig, *model, inputs) == std::vector<float>(1024, 3));
  CHECK(emulation::calls("cudaMemcpyAsync") + emulation::calls("cudaMemcpy") - before == 2);
}

TEST_CASE("device run: a tensor of the device's is read where it lies, and what stays there crosses nothing") {
  const Bytes bytes = doubling();
  Rig rig;
  const auto model = load_there(bytes);
  std::shared_ptr<Buffer> x;
  std::shared_ptr<Buffer> y;
  const std::size_t size = kGiven.size() * sizeof(float);
  rig.run([&](Lane& lane) {
    x = rig.device().allocate(lane, size);
    rig.device().copy(lane, operand(kGiven), cuda::testing::on_device(x));
  });
  const auto run = [&](const std::shared_ptr<Buffer>& from) {
    rig.run([&](Lane& lane) {
      model->run_there(lane, inputs_of({cuda::testing::on_device(from)}), kFirst, true,
                       [&](std::vector<Output> outputs) { y = outputs.at(0).elements.buffer; });
    });
  };
  run(x);  // the first of its dims, which it leaves in memory of the provider's: a copy
  const std::uint64_t before = emulation::calls("cudaMemcpyAsync");
  run(y);  // of what the first gave
  CHECK(emulation::calls("cudaMemcpyAsync") - before == 0);
  std::vector<float> got(kGiven.size());
  rig.run([&](Lane& lane) { rig.device().copy(lane, cuda::testing::on_device(y), cuda::testing::host(got)); });
  CHECK(got == std::vector<float>{4, 0, 8, 0, 12, 0, 16, 0});
  // Beside parts of host memory it is copied, within the device.
  CHECK(run_there(rig, *model, inputs_of({cuda::testing::on_device(x), operand(kGiven)})) ==
        std::vector<float>{2, 0, 4, 0, 6, 0, 8, 0, 2, 0, 4, 0, 6, 0, 8, 0});
  x.reset();
  y.reset();
}

TEST_CASE("device run: while one batch computes the lane has gone on, and the next one's inputs are on the device") {
  const Bytes bytes = doubling();
  Rig rig;
  const auto model = load_there(bytes);
  const std::vector<float> others{5, 5, 5, 5};
  const auto first = inputs_of({operand(kGiven)});
  const auto second = inputs_of({operand(others)});
  CHECK(run_there(rig, *model, first) == kExpected);
  std::vector<float> of_first;
  std::vector<float> of_second;
  Hold hold;
  // A lane that has nothing else to do waits for its oldest batch: so all are there before it begins.
  std::promise<void> all_are_there;
  auto before = rig.submit([&](Lane&) { all_are_there.get_future().wait(); });
  auto one = submit(rig, *model, first, of_first);
  auto two = submit(rig, *model, second, of_second);
  bool is_there = false;
  auto three = rig.submit([&](Lane& lane) {
    CudaLane& here = CudaLane::of(lane);
    const auto copied = here.context().events().record(here.copy_in());
    // Only so that a failure is no hang.
    const auto until = std::chrono::steady_clock::now() + std::chrono::seconds(20);
    while (!copied->done() && std::chrono::steady_clock::now() < until) std::this_thread::yield();
    is_there = copied->done();
    hold.let_go();  // this task itself ends behind the others
  });
  all_are_there.set_value();
  await(std::move(before));
  await(std::move(three));
  CHECK(is_there);
  await(std::move(one));
  await(std::move(two));
  CHECK(of_first == kExpected);
  CHECK(of_second == std::vector<float>{10, 10, 10, 10});
}

TEST_CASE("device run: lanes run one session at once") {
  const Bytes bytes = doubling();
  Rig rig({.lanes = 3});
  const auto model = load_there(bytes);
  const auto inputs = inputs_of({operand(kGiven)});
  std::vector<std::vector<float>> results(30);
  std::vector<std::future<Outcome>> runs;
  for (auto& result : results) runs.push_back(submit(rig, *model, inputs, result));
  for (auto& run : runs) await(std::move(run));
  CHECK(results == std::vector<std::vector<float>>(30, kExpected));
}

namespace {

const std::vector<std::uint8_t> kGivenBytes{1, 7, 2, 0, 3, 0, 200, 4};

std::vector<InputParts> stepped_inputs() {
  std::vector<InputParts> inputs(1);
  inputs[0].dims = {2, 4};
  inputs[0].parts = {operand(kGivenBytes)};
  return inputs;
}

}  // namespace

TEST_CASE("device run: every call fails in turn; each time a typed error, and nothing leaks") {
  const Bytes bytes = doubling();
  sweep([&](Rig& /*rig*/) { return load_there(bytes); }, inputs_of({operand(kGiven)}), kExpected);
}

TEST_CASE("device run: with steps before and after it, every call fails in turn") {
  const Bytes bytes = doubling();
  sweep([&](Rig& rig) { return load_stepped(rig, bytes); }, stepped_inputs(), {14, 400});
}

TEST_CASE("device run: of steps bytes go up and a few numbers come back, once each, and nothing crosses between") {
  const Bytes bytes = doubling();
  Rig rig;
  const auto model = load_stepped(rig, bytes);
  CHECK(model->inputs().front().type == DType::UInt8);
  CHECK(model->outputs().at(1).name == "at");
  const auto inputs = stepped_inputs();
  CHECK(run_there(rig, *model, inputs) == std::vector<float>{14, 400});
  const std::uint64_t before = emulation::calls("cudaMemcpyAsync") + emulation::calls("cudaMemcpy");
  CHECK(run_there(rig, *model, inputs) == std::vector<float>{14, 400});
  CHECK(emulation::calls("cudaMemcpyAsync") + emulation::calls("cudaMemcpy") - before == 2);
}
