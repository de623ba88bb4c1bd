// What the tests of native/onnx share: the runtime, opened once, and a model with its inputs.
#pragma once

#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <cstring>
#include <memory>
#include <optional>
#include <random>
#include <string>
#include <vector>

#include "core/error.h"
#include "onnx/model.h"
#include "support/failure.h"
#include "support/operands.h"

namespace tensorlane::test {

// One core a run, so that a run stays on its lane's thread: the runtime's own threads hand work to each other by means
// that ThreadSanitizer cannot see, the library not being instrumented.
inline const ModelOptions kOneThread{1};

// A process holds one ONNX Runtime, and once it is open every path gives it. So what fails is tried first, whatever the
// order in which the tests run.
struct Opened {
  Opened() {
    setenv("ORT_DISABLE_TELEMETRY", "1", 0);  // what it reports when it starts comes before anyone can turn that off
    missing = failure([] { ort::Runtime::open("/nowhere/libonnxruntime.so.1"); });
    foreign = failure([] { ort::Runtime::open("libm.so.6"); });
    runtime = &ort::Runtime::open(TENSORLANE_TEST_ONNXRUNTIME);
  }
  std::optional<Error> missing, foreign;
  const ort::Runtime* runtime = nullptr;
};

inline const Opened& opened() {
  static const Opened instance;
  return instance;
}

inline const ort::Runtime& runtime() { return *opened().runtime; }

inline std::unique_ptr<Model> load() {
  return std::make_unique<Model>(runtime(), std::string(TENSORLANE_TEST_MODEL), kOneThread);
}

// The model tells whether a line of text is upside down: images of 3 x 48 x 192 in, two probabilities out.
inline constexpr std::int64_t kRow = 3 * 48 * 192;
inline constexpr std::size_t kRowBytes = kRow * sizeof(float);

inline std::vector<float> images(std::int64_t count, unsigned seed = 1) {
  std::mt19937 random(seed);
  std::uniform_real_distribution<float> value(-1, 1);
  std::vector<float> data(static_cast<std::size_t>(count * kRow));
  for (float& one : data) one = value(random);
  return data;
}

// `cuts` are the byte offsets at which an operand is cut into parts.
inline std::vector<Operand> parts_of(const Operand& whole, const std::vector<std::size_t>& cuts) {
  std::vector<Operand> parts;
  std::size_t from = 0;
  for (const std::size_t to : cuts) {
    parts.push_back({whole.data + from, to - from, whole.buffer});
    from = to;
  }
  parts.push_back({whole.data + from, whole.bytes - from, whole.buffer});
  return parts;
}

inline std::vector<InputParts> input_of(const std::vector<float>& data, const std::vector<std::size_t>& cuts = {}) {
  std::vector<InputParts> inputs(1);
  inputs[0].dims = {static_cast<std::int64_t>(data.size()) / kRow, 3, 48, 192};
  inputs[0].parts = parts_of(operand(data), cuts);
  return inputs;
}

inline std::vector<float> run(Model& model, Lane& lane, const std::vector<InputParts>& inputs, bool alone = false) {
  const std::vector<std::size_t> wanted{0};
  const std::vector<Output> outputs = model.run(lane, inputs, wanted, alone);
  const Operand& elements = outputs.at(0).elements;
  std::vector<float> result(elements.bytes / sizeof(float));
  if (!result.empty()) std::memcpy(result.data(), elements.data, elements.bytes);
  return result;
}

}  // namespace tensorlane::test
