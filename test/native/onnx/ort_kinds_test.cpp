// What a model takes and gives beside tensors of known rank: sequences, maps, optionals, tensors of any rank, initializers
// that are overridden, weights that lie in memory; and a session's settings.
#include <doctest/doctest.h>

#include <algorithm>
#include <cstring>
#include <string>
#include <vector>

#include "onnx/model_bytes.h"
#include "onnx/support.h"

using namespace tensorlane;
using namespace tensorlane::test;

namespace {

const Bytes kFloats = unranked_tensor_of(DType::Float32);

Model load_bytes(const GraphParts& parts, const SessionSettings& settings = {}) {
  const Bytes bytes = model_bytes(parts);
  ModelOptions options = kOneThread;
  options.settings = settings;
  return {runtime(), as_span(bytes), options};
}

InputParts tensor_input(const std::vector<float>& data, std::vector<std::int64_t> dims) {
  InputParts input;
  input.dims = std::move(dims);
  input.parts.push_back(operand(data));
  return input;
}

InputParts of_form(ValueForm form, std::vector<InputParts> items = {}) {
  InputParts input;
  input.form = form;
  input.items = std::move(items);
  return input;
}

std::vector<float> floats_of(const Output& output) {
  std::vector<float> values(output.elements.bytes / sizeof(float));
  if (!values.empty()) std::memcpy(values.data(), output.elements.data, output.elements.bytes);
  return values;
}

Output run_one(Model& model, std::vector<InputParts> inputs) {
  Lane lane(0);
  const std::vector<std::size_t> wanted{0};
  return std::move(model.run(lane, inputs, wanted).at(0));
}

using Floats = std::vector<float>;

}  // namespace

TEST_CASE("ort: sequences go through, those of strings and those of nothing too") {
  Model model = load_bytes({.nodes = {node("Identity", {"x"}, {"y"})},
                            .inputs = {value("x", sequence_of(kFloats))},
                            .outputs = {value("y", sequence_of(kFloats))},
                            .initializers = {}});
  REQUIRE(model.inputs().at(0).kind == ValueKind::Sequence);
  CHECK(model.inputs()[0].inner->kind == ValueKind::Tensor);
  const Floats first{1, 2, 3};
  const Floats second{4};
  const Output output =
      run_one(model, {of_form(ValueForm::Sequence, {tensor_input(first, {3}), tensor_input(second, {1, 1})})});
  REQUIRE(output.form == ValueForm::Sequence);
  REQUIRE(output.items.size() == 2);
  CHECK(floats_of(output.items[0]) == first);
  CHECK((output.items[1].dims == std::vector<std::int64_t>{1, 1}));
  CHECK(floats_of(output.items[1]) == second);
  const Output none = run_one(model, {of_form(ValueForm::Sequence)});
  CHECK(none.form == ValueForm::Sequence);
  CHECK(none.items.empty());

  const Bytes texts = sequence_of(unranked_tensor_of(DType::String));
  Model of_strings = load_bytes({.nodes = {node("Identity", {"x"}, {"y"})},
                                 .inputs = {value("x", texts)},
                                 .outputs = {value("y", texts)},
                                 .initializers = {}});
  InputParts strings_in;
  strings_in.dims = {2};
  strings_in.strings = {"a", std::string("b\0c", 3)};
  const Output given = run_one(of_strings, {of_form(ValueForm::Sequence, {strings_in})});
  REQUIRE(given.items.size() == 1);
  CHECK(given.items[0].strings == strings_in.strings);
}

TEST_CASE("ort: maps go in, and sequences of maps come out") {
  const Bytes zip = ints("classlabels_int64s", {7, 9});
  Model model = load_bytes({.nodes = {node("ZipMap", {"x"}, {"y"}, zip, "ai.onnx.ml")},
                            .inputs = {value("x", tensor_of(DType::Float32, {-1, 2}))},
                            .outputs = {value("y", sequence_of(map_of(DType::Int64, tensor_of(DType::Float32, {}))))},
                            .initializers = {}});
  REQUIRE(model.outputs().at(0).kind == ValueKind::Sequence);
  REQUIRE(model.outputs()[0].inner->kind == ValueKind::Map);
  CHECK(model.outputs()[0].inner->keys == DType::Int64);
  const Floats rows{0.5F, 0.25F, 1, 2};
  const Output output = run_one(model, {tensor_input(rows, {2, 2})});
  REQUIRE(output.items.size() == 2);
  REQUIRE(output.items[1].form == ValueForm::Map);
  CHECK(floats_of(output.items[1].items.at(1)) == Floats{1, 2});
  std::vector<std::int64_t> keys(2);
  std::memcpy(keys.data(), output.items[1].items.at(0).elements.data, 2 * sizeof(std::int64_t));
  CHECK((keys == std::vector<std::int64_t>{7, 9}));

  const Bytes words = strings("string_vocabulary", {"a", "b", "c"});
  Model reading = load_bytes({.nodes = {node("DictVectorizer", {"x"}, {"y"}, words, "ai.onnx.ml")},
                              .inputs = {value("x", map_of(DType::String, tensor_of(DType::Float32, {})))},
                              .outputs = {value("y", tensor_of(DType::Float32, {1, 3}))},
                              .initializers = {}});
  InputParts keys_in;
  keys_in.dims = {2};
  keys_in.strings = {"c", "a"};
  const Floats values{3, 1};
  const Output vector = run_one(reading, {of_form(ValueForm::Map, {keys_in, tensor_input(values, {2})})});
  CHECK(floats_of(vector) == Floats{1, 0, 3});
}

TEST_CASE("ort: an optional has a value, or none") {
  const Bytes optional = optional_of(kFloats);
  Model model = load_bytes({.nodes = {node("Identity", {"x"}, {"y"})},
                            .inputs = {value("x", optional)},
                            .outputs = {value("y", optional)},
                            .initializers = {}});
  REQUIRE(model.inputs().at(0).kind == ValueKind::Optional);
  const Floats data{1, 2};
  CHECK(floats_of(run_one(model, {tensor_input(data, {2})})) == data);
  CHECK(run_one(model, {of_form(ValueForm::None)}).form == ValueForm::None);
}

TEST_CASE("ort: a tensor of any rank is told from a scalar") {
  Model model = load_bytes({.nodes = {node("Neg", {"x"}, {"y"}), node("Neg", {"s"}, {"t"})},
                            .inputs = {value("x", kFloats), value("s", tensor_of(DType::Float32, {}))},
                            .outputs = {value("y", kFloats), value("t", tensor_of(DType::Float32, {}))},
                            .initializers = {}});
  CHECK_FALSE(model.inputs().at(0).ranked);
  CHECK(model.inputs().at(1).ranked);
  CHECK_FALSE(model.outputs().at(0).ranked);
  CHECK(model.outputs().at(1).ranked);
}

TEST_CASE("ort: an initializer among the inputs may be overridden, and need not") {
  const Bytes vector = tensor_of(DType::Float32, {2});
  Model model = load_bytes({.nodes = {node("Add", {"x", "w"}, {"y"})},
                            .inputs = {value("x", vector), value("w", vector)},
                            .outputs = {value("y", vector)},
                            .initializers = {floats("w", {10, 20})}});
  REQUIRE(model.inputs().size() == 2);
  CHECK(model.overridable_from() == 1);
  const Floats x{1, 2};
  const Floats w{-1, -2};
  CHECK(floats_of(run_one(model, {tensor_input(x, {2})})) == Floats{11, 22});
  CHECK(floats_of(run_one(model, {tensor_input(x, {2}), of_form(ValueForm::None)})) == Floats{11, 22});
  CHECK(floats_of(run_one(model, {tensor_input(x, {2}), tensor_input(w, {2})})) == Floats{0, 0});
}

TEST_CASE("ort: weights may lie in memory, which may go away once the model is loaded") {
  const Bytes vector = tensor_of(DType::Float32, {1000});
  const GraphParts parts{.nodes = {node("Add", {"x", "w"}, {"y"})},
                         .inputs = {value("x", vector)},
                         .outputs = {value("y", vector)},
                         .initializers = {external_floats("w", 1000, "weights.bin")}};
  const auto missing = failure([&] { load_bytes(parts); });
  REQUIRE_MESSAGE(missing.has_value(), "the model was loaded without its weights");
  CHECK(missing->code() == Code::Model);

  auto weights = std::make_unique<Floats>(1000, 3.0F);
  SessionSettings settings;
  settings.external_data.push_back({"weights.bin", std::as_bytes(std::span(*weights))});
  Model model = load_bytes(parts, settings);
  std::ranges::fill(*weights, 0.0F);
  weights.reset();
  const Floats x(1000, 1.0F);
  CHECK(floats_of(run_one(model, {tensor_input(x, {1000})})) == Floats(1000, 4.0F));

  const Floats few(10);
  settings.external_data = {{"weights.bin", std::as_bytes(std::span(few))}};
  const auto too_few = failure([&] { load_bytes(parts, settings); });
  REQUIRE_MESSAGE(too_few.has_value(), "fewer bytes than the model needs were taken");
  CHECK(too_few->code() == Code::Model);
}

TEST_CASE("ort: settings reach the session, and what it refuses is said") {
  const Bytes named = tensor_of(DType::Float32, {-1});
  const GraphParts parts{.nodes = {node("Neg", {"x"}, {"y"})},
                         .inputs = {value("x", named)},
                         .outputs = {value("y", named)},
                         .initializers = {}};
  SessionSettings settings;
  settings.graph_optimization_level = 0;
  settings.parallel = true;
  settings.inter_op_threads = 1;
  settings.cpu_mem_arena = false;
  settings.mem_pattern = false;
  settings.log_id = "test";
  settings.log_severity_level = 4;
  settings.log_verbosity_level = 0;
  settings.free_dimensions = {{"N", 2}};
  settings.config_entries = {{"session.set_denormal_as_zero", "1"}};
  Model model = load_bytes(parts, settings);
  CHECK((model.inputs().at(0).dims == std::vector<std::int64_t>{2}));
  const Floats x{1, -2};
  CHECK(floats_of(run_one(model, {tensor_input(x, {2})})) == Floats{-1, 2});

  settings.custom_ops_libraries = {"/nowhere/libops.so"};
  const auto error = failure([&] { load_bytes(parts, settings); });
  REQUIRE_MESSAGE(error.has_value(), "a library that is not there was taken");
  CHECK(error->code() == Code::Model);
  CHECK(std::string(error->what()).find("/nowhere/libops.so") != std::string::npos);
}
