// ONNX Runtime through its C API: opening it, loading, running on lanes, ending early, and giving everything back.
#include <doctest/doctest.h>

#include <algorithm>
#include <atomic>
#include <chrono>
#include <cmath>
#include <cstdlib>
#include <cstring>
#include <fstream>
#include <iterator>
#include <memory>
#include <optional>
#include <random>
#include <span>
#include <string>
#include <thread>
#include <vector>

#include "core/error.h"
#include "onnx/model.h"
#include "support/failure.h"
#include "support/tasks.h"

using namespace tensorlane;
using namespace tensorlane::test;

// Both sanitizers have this, but g++ comes without the header that declares it.
extern "C" std::size_t __sanitizer_get_current_allocated_bytes();

namespace {

// One core a run, so that a run stays on its lane's thread: the runtime's own threads hand work to each other by means
// that ThreadSanitizer cannot see, the library not being instrumented.
constexpr ModelOptions kOneThread{1};

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

const Opened& opened() {
  static const Opened instance;
  return instance;
}

const ort::Runtime& runtime() { return *opened().runtime; }

std::unique_ptr<Model> load() {
  return std::make_unique<Model>(runtime(), std::string(TENSORLANE_TEST_MODEL), kOneThread);
}

// The model tells whether a line of text is upside down: images of 3 x 48 x 192 in, two probabilities out.
constexpr std::int64_t kRow = 3 * 48 * 192;

std::vector<float> images(std::int64_t count, unsigned seed = 1) {
  std::mt19937 random(seed);
  std::uniform_real_distribution<float> value(-1, 1);
  std::vector<float> data(static_cast<std::size_t>(count * kRow));
  for (float& one : data) one = value(random);
  return data;
}

std::span<const std::byte> bytes_of(const std::vector<float>& data) { return std::as_bytes(std::span(data)); }

// `cuts` are the byte offsets at which the input is cut into parts.
std::vector<InputParts> input_of(const std::vector<float>& data, const std::vector<std::size_t>& cuts = {}) {
  std::vector<InputParts> inputs(1);
  inputs[0].dims = {static_cast<std::int64_t>(data.size()) / kRow, 3, 48, 192};
  std::size_t from = 0;
  for (const std::size_t to : cuts) {
    inputs[0].parts.push_back(bytes_of(data).subspan(from, to - from));
    from = to;
  }
  inputs[0].parts.push_back(bytes_of(data).subspan(from));
  return inputs;
}

std::vector<float> run(Model& model, Lane& lane, const std::vector<InputParts>& inputs) {
  const std::vector<std::size_t> wanted{0};
  const std::vector<Output> outputs = model.run(lane, inputs, wanted);
  std::vector<float> result(outputs.at(0).bytes.size() / sizeof(float));
  std::memcpy(result.data(), outputs[0].bytes.data(), outputs[0].bytes.size());
  return result;
}

}  // namespace

TEST_CASE("ort: a library that is missing is an error that names it and says what to do") {
  const auto& error = opened().missing;
  REQUIRE_MESSAGE(error.has_value(), "no error was reported");
  INFO(error->what());
  CHECK(error->code() == Code::NoRuntime);
  CHECK(std::string(error->what()).find("/nowhere/libonnxruntime.so.1") != std::string::npos);
  CHECK(std::string(error->what()).find("onnxruntime-node") != std::string::npos);
}

TEST_CASE("ort: a library that is not ONNX Runtime is an error that names it") {
  const auto& error = opened().foreign;
  REQUIRE_MESSAGE(error.has_value(), "no error was reported");
  INFO(error->what());
  CHECK(error->code() == Code::NoRuntime);
  CHECK(std::string(error->what()).find("libm.so.6") != std::string::npos);
}

TEST_CASE("ort: the runtime is opened once") {
  CHECK_FALSE(runtime().version.empty());
  CHECK(runtime().path == TENSORLANE_TEST_ONNXRUNTIME);
  CHECK(&ort::Runtime::open("/nowhere/else.so") == &runtime());
}

TEST_CASE("ort: a missing file, bytes that are no model and half a model are errors of the model") {
  const auto missing = failure([] { Model(runtime(), std::string("/nowhere/model.onnx"), kOneThread); });
  REQUIRE_MESSAGE(missing.has_value(), "a missing file was loaded");
  CHECK(missing->code() == Code::Model);
  CHECK(std::string(missing->what()).find("/nowhere/model.onnx") != std::string::npos);

  std::vector<std::byte> noise(5000);
  std::mt19937 random(1);
  for (std::byte& one : noise) one = static_cast<std::byte>(random());
  const auto corrupt = failure([&] { Model(runtime(), std::span<const std::byte>(noise), kOneThread); });
  REQUIRE_MESSAGE(corrupt.has_value(), "noise was loaded");
  CHECK(corrupt->code() == Code::Model);

  const auto empty = failure([] { Model(runtime(), std::span<const std::byte>(), kOneThread); });
  REQUIRE_MESSAGE(empty.has_value(), "nothing was loaded");
  CHECK(empty->code() == Code::Model);

  std::ifstream file(TENSORLANE_TEST_MODEL, std::ios::binary);
  const std::string text{std::istreambuf_iterator<char>(file), {}};
  const auto whole = std::as_bytes(std::span(text));
  const auto half = failure([&] { Model(runtime(), whole.first(whole.size() / 2), kOneThread); });
  REQUIRE_MESSAGE(half.has_value(), "half a model was loaded");
  CHECK(half->code() == Code::Model);

  // The next one works.
  CHECK(Model(runtime(), whole, kOneThread).inputs().size() == 1);
}

TEST_CASE("ort: a model says what it takes and gives") {
  const auto model = load();
  REQUIRE(model->inputs().size() == 1);
  REQUIRE(model->outputs().size() == 1);
  const ValueInfo& input = model->inputs()[0];
  CHECK(input.name == "x");
  CHECK(input.type == DType::Float32);
  REQUIRE(input.dims.size() == 4);
  CHECK_MESSAGE(input.dims[0] == -1, "the batch axis is free");
  CHECK(input.dims[1] == 3);
  CHECK(input.dim_names.size() == 4);
  const ValueInfo& output = model->outputs()[0];
  CHECK(output.type == DType::Float32);
  REQUIRE(output.dims.size() == 2);
  CHECK(output.dims[1] == 2);
}

TEST_CASE("ort: a model from its bytes outlives them, and does as the one from its path") {
  Lane lane(0);
  std::unique_ptr<Model> from_bytes;
  {
    std::ifstream file(TENSORLANE_TEST_MODEL, std::ios::binary);
    std::string text{std::istreambuf_iterator<char>(file), {}};
    from_bytes = std::make_unique<Model>(runtime(), std::as_bytes(std::span(text)), kOneThread);
    std::ranges::fill(text, '\0');
  }
  const std::vector<float> data = images(1);
  CHECK(run(*from_bytes, lane, input_of(data)) == run(*load(), lane, input_of(data)));
}

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

TEST_CASE("ort: parts are gathered in order, however they are cut") {
  Lane lane(0);
  const auto model = load();
  const std::vector<float> data = images(4);
  const std::vector<float> expected = run(*model, lane, input_of(data));
  constexpr std::size_t kBytes = kRow * sizeof(float);
  const std::vector<std::vector<std::size_t>> all_cuts{
      {kBytes, 2 * kBytes, 3 * kBytes},  // by rows
      {3 * kBytes},                      // by rows, unevenly
      {0, kBytes, kBytes},               // with empty parts
      {12, 1001, kBytes + 4},            // anywhere
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
        input.parts.push_back(std::as_bytes(std::span(rate)));
        continue;
      }
      input.dims = info.dims.size() == 2 ? std::vector<std::int64_t>{1, 512} : std::vector<std::int64_t>{2, 1, 128};
      const std::span<const std::byte> whole = bytes_of(info.dims.size() == 2 ? samples : state);
      if (cut != 0) input.parts.push_back(whole.first(cut));
      input.parts.push_back(whole.subspan(cut));
    }
    return inputs;
  };
  using AllBytes = std::vector<std::vector<std::byte>>;
  const auto outputs_of = [&](std::size_t cut, const std::vector<std::size_t>& wanted) {
    AllBytes all;
    for (const Output& output : model.run(lane, inputs_of(cut), wanted)) {
      all.emplace_back(output.bytes.begin(), output.bytes.end());
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
      const std::vector<std::size_t> cuts{static_cast<std::size_t>(kRow) * sizeof(float)};
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
  const auto model = load();
  const std::vector<float> data = images(64);  // about a second under a sanitizer
  std::optional<Error> error;
  Gate started;
  Gate ended;
  LanePool pool(1);
  REQUIRE(submit(pool, [&](Lane& lane) {
    started.open();
    error = failure([&] { run(*model, lane, input_of(data)); });
    ended.open();
  }));
  REQUIRE(started.wait());
  std::this_thread::sleep_for(std::chrono::milliseconds(5));  // to be inside the run, most likely
  model->terminate();
  REQUIRE_MESSAGE(ended.wait(), "the run did not end");
  REQUIRE_MESSAGE(error.has_value(), "the run went on to its end");
  INFO(error->what());
  CHECK((error->code() == Code::Model || error->code() == Code::Disposed));

  Lane lane(0);
  error = failure([&] { run(*model, lane, input_of(data)); });
  REQUIRE_MESSAGE(error.has_value(), "a run was started after terminate()");
  CHECK(error->code() == Code::Disposed);
  model->terminate();  // once more does no harm
}

// LeakSanitizer sees what can no longer be reached; what is kept for ever but grows shows in the heap's size only.
TEST_CASE("ort: load, run, free, fifty times over, leaves the heap as it was") {
  Lane lane(0);
  const std::vector<float> data = images(1);
  const auto round = [&] {
    const auto model = load();
    REQUIRE(run(*model, lane, input_of(data)).size() == 2);
    REQUIRE(failure([&] { Model(runtime(), std::span<const std::byte>(), kOneThread); }).has_value());
  };
  for (int i = 0; i < 3; ++i) round();  // what is allocated once
  const auto before = static_cast<std::int64_t>(__sanitizer_get_current_allocated_bytes());
  for (int i = 0; i < 50; ++i) round();
  const std::int64_t growth = static_cast<std::int64_t>(__sanitizer_get_current_allocated_bytes()) - before;
  // A model that stayed would cost half a megabyte a round.
  CHECK_MESSAGE(growth < 100'000, "the heap grew by " << growth / 50 << " bytes a round");
}
