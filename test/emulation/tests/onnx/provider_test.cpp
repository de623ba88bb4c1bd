// Models on the emulated device, through ONNX Runtime's plugin interface: the same answers as on the CPU, whatever runs where and
// whatever fails.
#include <doctest/doctest.h>

#include <algorithm>
#include <cmath>
#include <optional>
#include <set>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "emulation.h"
#include "onnx/model_bytes.h"
#include "onnx/support.h"
#include "support/fault_sweep.h"

using namespace tensorlane;
using namespace tensorlane::test;

namespace {

constexpr const char* kEmulated = "EmulatedCudaExecutionProvider";

ProviderRequest emulated(std::vector<std::pair<std::string, std::string>> options = {}) {
  return {.name = kEmulated, .device = 0, .library = TENSORLANE_TEST_PROVIDER, .options = std::move(options)};
}

std::unique_ptr<Model> load_on(const ModelSource& source, std::vector<ProviderRequest> providers) {
  return std::make_unique<Model>(runtime(), source, ModelOptions{1, 0, std::move(providers)});
}

std::set<std::string> providers_of(const Model& model) {
  std::set<std::string> names;
  if (!model.placement().has_value()) return names;
  for (const NodePlacement& one : *model.placement()) names.insert(one.provider);
  return names;
}

void check_close(const std::vector<float>& given, const std::vector<float>& expected) {
  REQUIRE(given.size() == expected.size());
  for (std::size_t i = 0; i < given.size(); ++i) {
    CHECK(given[i] == doctest::Approx(expected[i]).epsilon(1e-4));
  }
}

// y = relu(x w), [N, 3] by [3, 2].
Bytes small_model() {
  GraphParts parts;
  parts.inputs = {value("x", tensor_of(DType::Float32, {-1, 3}))};
  parts.outputs = {value("y", tensor_of(DType::Float32, {-1, 2}))};
  parts.nodes = {node("MatMul", {"x", "w"}, {"product"}), node("Relu", {"product"}, {"y"})};
  const std::vector<float> weights{1, -1, 2, -2, 3, -3};
  const Bytes raw(reinterpret_cast<const char*>(weights.data()), weights.size() * sizeof(float));
  parts.initializers = {number(1, 3) + number(1, 2) + number(2, 1) + field(8, "w") + field(9, raw)};
  return model_bytes(parts);
}

std::vector<float> run_small(Model& model, Lane& lane) {
  const std::vector<float> x{1, 1, 1, -1, 0, 0};
  std::vector<InputParts> inputs(1);
  inputs[0].dims = {2, 3};
  inputs[0].parts = {operand(x)};
  return run(model, lane, inputs);
}

const std::vector<float> kSmallResult{6, 0, 0, 1};

}  // namespace

TEST_CASE("provider: a model of its operators runs on the emulated device, and says so") {
  const Bytes bytes = small_model();
  Lane lane(0);
  const auto model = load_on(as_span(bytes), {emulated()});
  CHECK(model->provider().name == kEmulated);
  CHECK(model->provider().fallback_reason.empty());
  CHECK(providers_of(*model) == std::set<std::string>{kEmulated});
  CHECK(run_small(*model, lane) == kSmallResult);
  CHECK(emulation::calls("cudaLaunchKernel") > 0);
}

TEST_CASE("provider: what it takes no part of is the CPU's, and elements go back and forth") {
  const Bytes bytes = small_model();
  Lane lane(0);
  for (const char* taken : {"MatMul", "Relu"}) {
    CAPTURE(taken);
    const auto model = load_on(as_span(bytes), {emulated({{"operators", taken}})});
    CHECK(providers_of(*model) == std::set<std::string>{kEmulated, "CPUExecutionProvider"});
    CHECK(run_small(*model, lane) == kSmallResult);
  }
}

TEST_CASE("provider: a real network gives what it gives on the CPU") {
  Lane lane(0);
  const std::vector<float> data = images(2);
  const auto model = load_on(std::string(TENSORLANE_TEST_MODEL), {emulated(), {"cpu"}});
  CHECK(providers_of(*model).contains(kEmulated));
  check_close(run(*model, lane, input_of(data)), run(*load(), lane, input_of(data)));
}

TEST_CASE("provider: lanes run one session at once, each on a stream of its own") {
  const Bytes bytes = small_model();
  const auto model = load_on(as_span(bytes), {emulated()});
  std::vector<std::thread> lanes;
  std::vector<int> right(4, 0);
  for (std::size_t i = 0; i < right.size(); ++i) {
    lanes.emplace_back([&, i] {
      Lane lane(i);
      for (int run = 0; run < 20; ++run) right[i] += run_small(*model, lane) == kSmallResult ? 1 : 0;
    });
  }
  for (std::thread& lane : lanes) lane.join();
  CHECK(right == std::vector<int>(4, 20));
}

TEST_CASE(
    "provider: one that refuses leaves the model to the CPU with the reason, or fails where the CPU was not asked "
    "for") {
  const Bytes bytes = small_model();
  Lane lane(0);
  const auto model = load_on(as_span(bytes), {emulated({{"refuses", "1"}}), {"cpu"}});
  CHECK(model->provider().name == "cpu");
  CHECK(model->provider().fallback_reason.find("told to refuse") != std::string::npos);
  CHECK(run_small(*model, lane) == kSmallResult);
  for (const char* option : {"refuses", "nonsense"}) {
    CAPTURE(option);
    const auto error = failure([&] { load_on(as_span(bytes), {emulated({{option, "1"}})}); });
    REQUIRE_MESSAGE(error.has_value(), "it was loaded");
    CHECK(error->code() == Code::Model);
  }
}

TEST_CASE(
    "provider: one that the library does not have, and a device that there is not, are named beside those that there "
    "are") {
  const Bytes bytes = small_model();
  ProviderRequest other = emulated();
  other.name = "OtherExecutionProvider";
  ProviderRequest elsewhere = emulated();
  elsewhere.device = 7;
  const auto no_name = failure([&] { load_on(as_span(bytes), {other}); });
  const auto no_device = failure([&] { load_on(as_span(bytes), {elsewhere}); });
  REQUIRE((no_name.has_value() && no_device.has_value()));
  CHECK(std::string(no_name->what()).find(kEmulated) != std::string::npos);
  CHECK(std::string(no_device->what()).find("no device 7; it has 0") != std::string::npos);
}

TEST_CASE(
    "provider: every call that a run makes fails in turn; each time a typed error, then the model works on, and "
    "nothing leaks") {
  const Bytes bytes = small_model();
  Lane lane(0);
  const emulation::Live before = cuda::testing::alive();
  {
    const auto model = load_on(as_span(bytes), {emulated()});
    CHECK(run_small(*model, lane) == kSmallResult);  // its stream is there now
    const std::uint64_t start = emulation::calls();
    CHECK(run_small(*model, lane) == kSmallResult);
    const std::uint64_t calls = emulation::calls() - start;
    REQUIRE(calls > 5);
    for (const cudaError_t fault : {cudaErrorMemoryAllocation, cudaErrorInvalidValue}) {
      for (std::uint64_t nth = 1; nth <= calls; ++nth) {
        CAPTURE(nth);
        CAPTURE(static_cast<int>(fault));
        emulation::plan_fault("", nth, fault);
        std::vector<float> result;
        const auto error = failure([&] { result = run_small(*model, lane); });
        emulation::clear_faults();
        if (error.has_value()) {
          CHECK((error->code() == Code::Model || error->code() == Code::OutOfMemory));
        } else {
          CHECK(result == kSmallResult);  // what gives memory back may fail and be made good for
        }
        CHECK(run_small(*model, lane) == kSmallResult);
      }
    }
  }
  cuda::testing::check_nothing_leaked(before);
}

TEST_CASE("provider: device memory that is out is told as such") {
  const Bytes bytes = small_model();
  Lane lane(0);
  const auto model = load_on(as_span(bytes), {emulated()});
  CHECK(run_small(*model, lane) == kSmallResult);
  emulation::plan_fault("cudaMallocAsync", 1, cudaErrorMemoryAllocation);
  const auto error = failure([&] { static_cast<void>(run_small(*model, lane)); });
  emulation::clear_faults();
  REQUIRE_MESSAGE(error.has_value(), "it ran");
  INFO(std::string(error->what()));
  CHECK(error->code() == Code::OutOfMemory);
  CHECK(run_small(*model, lane) == kSmallResult);
}
