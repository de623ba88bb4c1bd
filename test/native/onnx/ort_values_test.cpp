// What goes into a run and comes out of it: gathered from parts, checked against the model, read where it lies.
#include <doctest/doctest.h>
#include <sys/mman.h>

#include <cstring>
#include <memory>
#include <random>
#include <string>
#include <utility>
#include <vector>

#include "cpu/cpu_device.h"
#include "onnx/support.h"

using namespace tensorlane;
using namespace tensorlane::test;

TEST_CASE("ort: parts are gathered in order, however they are cut") {
  Lane lane(0);
  const auto model = load();
  const std::vector<float> data = images(4);
  const std::vector<float> expected = run(*model, lane, input_of(data));
  const std::vector<std::vector<std::size_t>> all_cuts{
      {kRowBytes, 2 * kRowBytes, 3 * kRowBytes},  // by rows
      {3 * kRowBytes},                            // by rows, unevenly
      {0, kRowBytes, kRowBytes},                  // with empty parts
      {12, 1001, kRowBytes + 4},                  // anywhere
  };
  for (const auto& cuts : all_cuts) {
    CAPTURE(cuts.front());
    CAPTURE(cuts.size());
    CHECK(run(*model, lane, input_of(data, cuts)) == expected);
  }
}

// Silero VAD: samples, a state and the sample rate in, a probability and the next state out.
TEST_CASE("ort: several inputs, each in parts, and outputs in the order asked for") {
  Lane lane(0);
  Model model(runtime(), std::string(TENSORLANE_TEST_MODEL_OF_SEVERAL_INPUTS), kOneThread);
  REQUIRE(model.inputs().size() == 3);
  REQUIRE(model.outputs().size() == 2);
  std::mt19937 random(1);
  std::uniform_real_distribution<float> value(-1, 1);
  std::vector<float> samples(512);
  std::vector<float> state(2 * 128);
  for (float& one : samples) one = value(random);
  for (float& one : state) one = value(random) / 4;
  const std::vector<std::int64_t> rate{16'000};

  // `cut` is the byte at which every input but the rate is cut in two; at zero it is left whole.
  const auto inputs_of = [&](std::size_t cut) {
    std::vector<InputParts> inputs;
    for (const ValueInfo& info : model.inputs()) {
      InputParts& input = inputs.emplace_back();
      if (info.type == DType::Int64) {
        input.parts.push_back(operand(rate));
        continue;
      }
      input.dims = info.dims.size() == 2 ? std::vector<std::int64_t>{1, 512} : std::vector<std::int64_t>{2, 1, 128};
      const Operand whole = operand(info.dims.size() == 2 ? samples : state);
      input.parts = parts_of(whole, cut == 0 ? std::vector<std::size_t>{} : std::vector<std::size_t>{cut});
    }
    return inputs;
  };
  using AllBytes = std::vector<std::vector<std::byte>>;
  const auto outputs_of = [&](std::size_t cut, const std::vector<std::size_t>& wanted) {
    AllBytes all;
    for (const Output& output : model.run(lane, inputs_of(cut), wanted)) {
      all.emplace_back(output.elements.data, output.elements.data + output.elements.bytes);
    }
    return all;
  };
  const auto expected = outputs_of(0, {0, 1});
  REQUIRE(expected.size() == 2);
  CHECK((expected[0] != expected[1]));
  for (const std::size_t cut : {4U, 100U, 333U, 1020U}) {
    CAPTURE(cut);
    CHECK_MESSAGE((outputs_of(cut, {0, 1}) == expected), "gathered inputs gave another result");
  }
  CHECK((outputs_of(7, {1}) == AllBytes{expected[1]}));
  CHECK((outputs_of(7, {1, 0}) == AllBytes{expected[1], expected[0]}));
}

TEST_CASE("ort: an empty batch, a wrong shape and too few bytes are answered, and the next run works") {
  Lane lane(0);
  const auto model = load();
  const std::vector<float> data = images(1);
  const std::vector<float> expected = run(*model, lane, input_of(data));

  std::vector<InputParts> inputs = input_of(data);
  inputs[0].dims = {1, 4, 48, 144};
  auto error = failure([&] { run(*model, lane, inputs); });
  REQUIRE_MESSAGE(error.has_value(), "four channels were accepted");
  CHECK(error->code() == Code::Model);

  inputs[0].dims = {2, 3, 48, 192};
  error = failure([&] { run(*model, lane, inputs); });
  REQUIRE_MESSAGE(error.has_value(), "more elements than there are bytes were accepted");
  CHECK(error->code() == Code::Model);

  inputs[0].dims = {-1, 3, 48, 192};
  error = failure([&] { run(*model, lane, inputs); });
  REQUIRE_MESSAGE(error.has_value(), "a negative dimension was accepted");
  CHECK(error->code() == Code::Model);

  // No rows, given as no part and as an empty one: an answer or an error, but no crash.
  inputs[0].dims = {0, 3, 48, 192};
  for (const std::size_t parts : {0, 1}) {
    CAPTURE(parts);
    inputs[0].parts.assign(parts, {});
    std::vector<float> result;
    error = failure([&] { result = run(*model, lane, inputs); });
    CHECK(result.empty());
    if (error.has_value()) CHECK(error->code() == Code::Model);
  }

  CHECK(run(*model, lane, input_of(data)) == expected);
}

namespace {

// A tensor of the CPU device, as device.put() makes it.
template <typename T>
Operand put(Lane& lane, const std::vector<T>& values) {
  CpuDevice device(1);
  const Operand from = operand(values);
  std::shared_ptr<Buffer> buffer = device.allocate(lane, from.bytes);
  Operand to{buffer->data(), from.bytes, std::move(buffer)};
  device.copy(lane, from, to);
  return to;
}

// Memory like a GPU's: whoever touches it on the host crashes.
class FarBuffer final : public Buffer {
 public:
  explicit FarBuffer(std::size_t bytes)
      : data_(mmap(nullptr, bytes, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0)), bytes_(bytes) {}
  ~FarBuffer() override { munmap(data_, bytes_); }

  [[nodiscard]] std::byte* data() const noexcept override { return static_cast<std::byte*>(data_); }
  [[nodiscard]] std::size_t bytes() const noexcept override { return bytes_; }

 private:
  void* data_;
  std::size_t bytes_;
};

}  // namespace

TEST_CASE("ort: an input in one piece is read where it lies, in host memory and in a buffer that the host can reach") {
  const auto model = load();
  const std::vector<float> data = images(2);
  Lane gathering(0);
  const std::vector<float> expected = run(*model, gathering, input_of(data, {kRowBytes}));
  CHECK_MESSAGE(gathering.workspace().capacity() >= 2 * kRowBytes, "parts are gathered in the workspace");

  Lane lane(0);
  CHECK(run(*model, lane, input_of(data)) == expected);
  std::vector<InputParts> inputs = input_of(data);
  inputs[0].parts = {put(lane, data)};
  CHECK(run(*model, lane, inputs) == expected);
  CHECK_MESSAGE(lane.workspace().capacity() < kRowBytes, "an input in one piece was copied");

  // A buffer in parts is gathered like host memory, and together with it.
  inputs[0].parts = {parts_of(put(lane, data), {kRowBytes})[0], parts_of(operand(data), {kRowBytes})[1]};
  CHECK(run(*model, lane, inputs) == expected);
}

TEST_CASE("ort: a count is copied from host memory, which may change meanwhile, and read where it lies in a buffer") {
  Model model(runtime(), std::string(TENSORLANE_TEST_MODEL_OF_SEVERAL_INPUTS), kOneThread);
  const std::vector<float> samples(512, 0.25F);
  const std::vector<float> state(2 * 128, 0.5F);
  const std::vector<std::int64_t> rate{16'000};
  const std::vector<std::size_t> wanted{0};
  const auto probability = [&](Lane& lane, const Operand& rate_operand) {
    std::vector<InputParts> inputs;
    for (const ValueInfo& info : model.inputs()) {
      InputParts& input = inputs.emplace_back();
      if (info.type == DType::Int64) {
        input.parts = {rate_operand};
      } else if (info.dims.size() == 2) {
        input = {{1, 512}, {operand(samples)}, {}};
      } else {
        input = {{2, 1, 128}, {operand(state)}, {}};
      }
    }
    float result = 0;
    const std::vector<Output> outputs = model.run(lane, inputs, wanted);
    REQUIRE(outputs.at(0).elements.bytes == sizeof(result));
    std::memcpy(&result, outputs[0].elements.data, sizeof(result));
    return result;
  };
  Lane copying(0);
  const float expected = probability(copying, operand(rate));
  // The copy stays behind in the workspace, which nothing else has used.
  std::int64_t copied = 0;
  std::memcpy(&copied, copying.workspace().take(sizeof(copied)), sizeof(copied));
  CHECK_MESSAGE(copied == rate[0], "a count in host memory was not copied");

  Lane lane(0);
  std::byte* workspace = lane.workspace().take(sizeof(copied));
  std::memset(workspace, 0, sizeof(copied));
  CHECK(probability(lane, put(lane, rate)) == expected);
  std::memcpy(&copied, workspace, sizeof(copied));
  CHECK_MESSAGE(copied == 0, "a count in a buffer was copied");
}

TEST_CASE(
    "ort: an input in memory that the host cannot reach is refused by name, whole or in parts, and the next runs") {
  Lane lane(0);
  const auto model = load();
  const std::vector<float> data = images(2);
  const std::vector<float> expected = run(*model, lane, input_of(data));
  const std::vector<std::vector<std::size_t>> all_cuts{{}, {kRowBytes}};
  for (const auto& cuts : all_cuts) {
    CAPTURE(cuts.size());
    std::vector<InputParts> inputs = input_of(data);
    const auto far = std::make_shared<FarBuffer>(data.size() * sizeof(float));
    REQUIRE(far->data() != MAP_FAILED);
    inputs[0].parts = parts_of({far->data(), far->bytes(), far}, cuts);
    const auto error = failure([&] { run(*model, lane, inputs); });
    REQUIRE_MESSAGE(error.has_value(), "memory that the host cannot reach was read");
    INFO(error->what());
    CHECK(error->code() == Code::NotSupported);
    CHECK(std::string(error->what()).find("input 'x'") != std::string::npos);
    CHECK(std::string(error->what()).find("get()") != std::string::npos);
    CHECK(run(*model, lane, input_of(data)) == expected);
  }
}

TEST_CASE("ort: an output's elements lie in a buffer that keeps them when the model and the lane are gone") {
  const std::vector<float> data = images(1);
  std::vector<float> expected;
  Operand kept;
  {
    Lane lane(0);
    const auto model = load();
    expected = run(*model, lane, input_of(data));
    const std::vector<std::size_t> wanted{0};
    kept = model->run(lane, input_of(data), wanted).at(0).elements;
  }
  REQUIRE(kept.buffer != nullptr);
  CHECK(kept.buffer->host_accessible());
  CHECK(kept.buffer->data() == kept.data);
  CHECK(kept.buffer->bytes() == kept.bytes);
  REQUIRE(kept.bytes == 2 * sizeof(float));
  CHECK(std::memcmp(kept.data, expected.data(), kept.bytes) == 0);
}
