// Models on the emulated device by the provider of test/emulation/provider, and runs of them with every call failing in turn.
#pragma once

#include <dlfcn.h>
#include <doctest/doctest.h>

#include <cstring>
#include <future>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "cuda/onnx/model_run.h"
#include "cuda/runtime/context.h"
#include "emulation.h"
#include "onnx/model_bytes.h"
#include "onnx/support.h"
#include "support/fault_sweep.h"

namespace tensorlane::test {

using cuda::testing::await;
using cuda::testing::Outcome;
using cuda::testing::Rig;

inline constexpr std::uint32_t kNvidia = 0x10DE;

// y = relu(x + x), [N, 4].
inline Bytes doubling() {
  GraphParts parts;
  parts.inputs = {value("x", tensor_of(DType::Float32, {-1, 4}))};
  parts.outputs = {value("y", tensor_of(DType::Float32, {-1, 4}))};
  parts.nodes = {node("Add", {"x", "x"}, {"sum"}), node("Relu", {"sum"}, {"y"})};
  return model_bytes(parts);
}

inline std::unique_ptr<Model> load_there(const Bytes& bytes, bool graphs = false) {
  ModelOptions options{1, 0, {{.name = "EmulatedCudaExecutionProvider", .library = TENSORLANE_TEST_PROVIDER}}};
  options.graphs = graphs;
  return std::make_unique<Model>(runtime(), as_span(bytes), options,
                                 RunPlace{std::make_shared<cuda::CudaModelRuns>(), kNvidia, 0});
}

inline std::vector<InputParts> inputs_of(std::vector<Operand> parts) {
  std::vector<InputParts> inputs(1);
  std::size_t bytes = 0;
  for (const Operand& part : parts) bytes += part.bytes;
  inputs[0].dims = {static_cast<std::int64_t>(bytes / (4 * sizeof(float))), 4};
  inputs[0].parts = std::move(parts);
  return inputs;
}

inline const std::vector<std::size_t> kFirst{0};

// Its result is written when the future is ready.
inline std::future<Outcome> submit(Rig& rig, Model& model, const std::vector<InputParts>& inputs,
                                   std::vector<float>& result, bool pads = false) {
  return rig.submit([&model, &inputs, &result, pads](Lane& lane) {
    model.run_there(
        lane, inputs, kFirst, false,
        [&result](std::vector<Output> outputs) {
          const Operand& elements = outputs.at(0).elements;
          result.resize(elements.bytes / sizeof(float));
          if (elements.bytes != 0) std::memcpy(result.data(), elements.data, elements.bytes);
        },
        {}, pads);
  });
}

inline std::vector<float> run_there(Rig& rig, Model& model, const std::vector<InputParts>& inputs, bool pads = false) {
  std::vector<float> result;
  await(submit(rig, model, inputs, result, pads));
  return result;
}

// Kernels of the provider's wait for as long as it lives.
class Hold {
 public:
  Hold() { call(1); }
  ~Hold() { let_go(); }
  Hold(const Hold&) = delete;
  Hold& operator=(const Hold&) = delete;
  void let_go() { call(0); }

 private:
  static void call(int held) {
    void* library = dlopen(TENSORLANE_TEST_PROVIDER, RTLD_NOW | RTLD_NOLOAD);
    REQUIRE(library != nullptr);
    auto* hold = reinterpret_cast<void (*)(int)>(dlsym(library, "emulated_provider_hold"));
    REQUIRE((hold != nullptr));
    hold(held);
    dlclose(library);
  }
};

inline const std::vector<float> kGiven{1, -1, 2, -2, 3, -3, 4, -4};
inline const std::vector<float> kExpected{2, 0, 4, 0, 6, 0, 8, 0};

// With each call of a run failing in turn: `load(rig)` makes the model.
template <typename Load>
void sweep(Load load, const std::vector<InputParts>& inputs, const std::vector<float>& expected) {
  std::uint64_t calls = 0;
  // The first of its dims, and one whose outputs' dims are known.
  const auto twice = [&](Rig& rig, Model& model) {
    std::vector<float> result = run_there(rig, model, inputs, true);
    CHECK(result == expected);
    return run_there(rig, model, inputs, true);
  };
  {
    Rig rig;
    const auto model = load(rig);
    const std::uint64_t before = emulation::calls();
    CHECK(twice(rig, *model) == expected);
    calls = emulation::calls() - before;
  }
  REQUIRE(calls > 20);
  cuda::testing::for_each_fault(calls, 1, [&](std::uint64_t nth, const cuda::testing::FaultKind& kind) {
    Rig rig;
    const auto model = load(rig);
    emulation::plan_fault("", nth, kind.error);
    std::vector<float> result;
    std::string message;
    const auto code = cuda::testing::code_of([&] { result = twice(rig, *model); }, &message);
    emulation::clear_faults();
    INFO("it ended with: ", message);
    if (!code.has_value()) CHECK(result == expected);
    if (kind.loses) {
      if (code.has_value()) CHECK(*code == Code::DeviceLost);
      emulation::reset_errors();
    } else {
      if (code.has_value()) CHECK((*code == Code::Model || *code == Code::OutOfMemory || *code == Code::Internal));
      CHECK_FALSE(rig.context().health().lost());
      CHECK(run_there(rig, *model, inputs, true) == expected);
    }
  });
}

}  // namespace tensorlane::test
