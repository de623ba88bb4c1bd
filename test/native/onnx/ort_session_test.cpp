// Loading models: from what, what they say of themselves, and what is no model.
#include <doctest/doctest.h>

#include <algorithm>
#include <fstream>
#include <iterator>
#include <memory>
#include <random>
#include <span>
#include <string>
#include <vector>

#include "onnx/support.h"

using namespace tensorlane;
using namespace tensorlane::test;

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
