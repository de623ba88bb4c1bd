// Reading a model's graph, and following its rows, whatever the bytes are.
#include "onnx/graph/graph.h"

#include <doctest/doctest.h>

#include <algorithm>
#include <cstddef>
#include <fstream>
#include <iterator>
#include <random>
#include <span>
#include <string>
#include <vector>

#include "onnx/graph/encode.h"
#include "onnx/graph/wire.h"
#include "onnx/independence/examine.h"

using namespace tensorlane;

namespace {

std::vector<std::byte> bytes_of(const char* path) {
  std::ifstream file(path, std::ios::binary);
  const std::string text{std::istreambuf_iterator<char>(file), {}};
  const auto bytes = std::as_bytes(std::span(text));
  return {bytes.begin(), bytes.end()};
}

// Bytes in hexadecimal.
std::vector<std::byte> bytes(std::initializer_list<unsigned> values) {
  std::vector<std::byte> result;
  for (const unsigned value : values) result.push_back(static_cast<std::byte>(value));
  return result;
}

std::string refusal(std::span<const std::byte> given) {
  try {
    graph::read_model(given);
  } catch (const graph::Malformed& problem) {
    return problem.what();
  }
  return "";
}

}  // namespace

TEST_CASE("graph: a model is read alike from its file and from its bytes") {
  const auto given = bytes_of(TENSORLANE_TEST_MODEL);
  const graph::ModelGraph from_bytes = graph::read_model(given);
  const graph::ModelGraph from_file = graph::read_model(std::string(TENSORLANE_TEST_MODEL));
  REQUIRE_MESSAGE(from_bytes.graph.nodes.size() > 50, "the model has some hundred nodes");
  REQUIRE(from_file.graph.nodes.size() == from_bytes.graph.nodes.size());
  for (std::size_t i = 0; i < from_bytes.graph.nodes.size(); ++i) {
    const graph::Node& a = from_bytes.graph.nodes[i];
    const graph::Node& b = from_file.graph.nodes[i];
    CHECK_MESSAGE((a.op == b.op && a.inputs == b.inputs && a.outputs == b.outputs), "node ", i, ": ", a.op, ", ", b.op);
  }
  REQUIRE(from_bytes.graph.inputs.size() == 1);
  CHECK(from_bytes.graph.inputs.front().name == "x");
  CHECK(from_bytes.opsets.contains(""));
}

TEST_CASE("graph: the models at hand keep their rows apart") {
  const rows::Finding classifier = Examination(std::string(TENSORLANE_TEST_MODEL), {}, {}).finding();
  CHECK_MESSAGE(classifier.verdict == rows::Verdict::Independent, classifier.reason);
}

TEST_CASE("graph: of Silero's voice activity it is known once the shapes are") {
  // The state has the batch on its second axis, and the sampling rate has none.
  const rows::Axes inputs{{"state", 1}, {"sr", std::nullopt}};
  const rows::Axes outputs{{"stateN", 1}};
  const Examination silero(std::string(TENSORLANE_TEST_MODEL_OF_SEVERAL_INPUTS), inputs, outputs);
  CHECK(silero.finding().verdict == rows::Verdict::Doubtful);
  CHECK(silero.finding().may_change);
  CHECK(silero.digest().substr(16) == "; sr none; state 1; stateN 1");
  for (const std::int64_t rate : {16000, 8000}) {
    const std::int64_t length = rate == 16000 ? 576 : 288;
    const auto of = [&](std::int64_t frames) {
      return silero.of({{"input", {{1, frames}, std::nullopt}},
                        {"state", {{2, 1, 128}, std::nullopt}},
                        {"sr", {{}, std::vector<std::int64_t>{rate}}}});
    };
    CHECK_MESSAGE(of(length).verdict == rows::Verdict::Independent, of(length).reason);
    CHECK_FALSE(of(length).may_change);
    CHECK_MESSAGE(of(length * 8).verdict != rows::Verdict::Independent, "several steps would be taken for rows");
  }
  const Examination wrong(std::string(TENSORLANE_TEST_MODEL_OF_SEVERAL_INPUTS), {}, {});
  CHECK_MESSAGE(wrong.finding().verdict != rows::Verdict::Independent, "with the state's layers taken for the batch");
}

TEST_CASE("graph: what is no model says why") {
  CHECK(refusal({}) == "it has no graph");
  CHECK(refusal(bytes({0x3a})) == "a number in it does not end");
  CHECK(refusal(bytes({0x3a, 0x05, 0x00})) == "a field in it is longer than all of it");
  CHECK(refusal(bytes({0x3a, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x01})) ==
        "a field in it is longer than all of it");
  CHECK(refusal(bytes({0x38, 0x05})) == "its field 7 is of another kind than ONNX has there");
  CHECK(refusal(bytes({0x3b})) == "it has a field of an unknown kind");
  CHECK(refusal(bytes({0x00})) == "it has a field without a number");
  CHECK(refusal(bytes({0x0d, 0x00, 0x00})) == "it ends in the middle of a field");
  const Examination missing(std::string("/nowhere/model.onnx"), {}, {});
  CHECK(missing.finding().reason.find("cannot be read") != std::string::npos);
  CHECK_FALSE(missing.finding().may_change);
  CHECK(missing.digest().empty());
}

TEST_CASE("graph: a model's source reads it once, or fails to once") {
  const ModelSource source{std::string(TENSORLANE_TEST_MODEL)};
  const auto first = source.graph();
  REQUIRE(first != nullptr);
  CHECK(source.graph() == first);
  CHECK(source.path() != nullptr);

  std::vector<std::byte> changing = bytes({0x00});
  const ModelSource wrong{std::span<const std::byte>(changing)};
  CHECK(wrong.path() == nullptr);
  CHECK_THROWS_WITH_AS((void)wrong.graph(), "it has a field without a number", graph::Malformed);
  changing[0] = std::byte{0x3b};
  CHECK_THROWS_WITH_AS((void)wrong.graph(), "it has a field without a number", graph::Malformed);
}

TEST_CASE("graph: of several functions of one name the one is followed that a node says") {
  const auto softmax = [](std::int64_t axis) {
    graph::Attribute attribute;
    attribute.name = "axis";
    attribute.integer = axis;
    graph::Node node;
    node.op = "Softmax";
    node.inputs = {"a"};
    node.outputs = {"b"};
    node.attributes = {attribute};
    return node;
  };
  const auto function = [&](const char* overload, std::int64_t axis) {
    graph::Function made;
    made.domain = "own";
    made.name = "F";
    made.overload = overload;
    made.inputs = {"a"};
    made.outputs = {"b"};
    made.nodes = {softmax(axis)};
    made.opsets = {{"", 21}};
    return made;
  };
  graph::ModelGraph model;
  model.opsets = {{"", 21}, {"own", 1}};
  model.functions = {function("", 1), function("along rows", 0)};
  const auto tensor = [](const char* name) {
    graph::Value value;
    value.name = name;
    value.shape = graph::Shape{{-1, "N"}, {4, ""}};
    return value;
  };
  model.graph.inputs = {tensor("x")};
  model.graph.outputs = {tensor("y")};
  graph::Node call;
  call.op = "F";
  call.domain = "own";
  call.inputs = {"x"};
  call.outputs = {"y"};
  model.graph.nodes = {call};
  CHECK(rows::follow_rows(model, {}, {}).verdict == rows::Verdict::Independent);
  model.graph.nodes.front().overload = "along rows";
  CHECK(rows::follow_rows(model, {}, {}).verdict == rows::Verdict::Mixed);
  model.graph.nodes.front().overload = "another";
  CHECK(rows::follow_rows(model, {}, {}).verdict == rows::Verdict::Doubtful);
}

TEST_CASE("graph: a list of no numbers is one") {
  // graph { node { attribute { floats: [] } } }
  const auto given = bytes({0x3a, 0x06, 0x0a, 0x04, 0x2a, 0x02, 0x3a, 0x00});
  CHECK(graph::read_model(given).graph.nodes.at(0).attributes.at(0).reals.empty());
}

TEST_CASE("graph: a node that gives nothing changes nothing") {
  // graph { node { op_type: "Add" } }
  const auto given = bytes({0x3a, 0x07, 0x0a, 0x05, 0x22, 0x03, 'A', 'd', 'd'});
  CHECK(rows::follow_rows(graph::read_model(given), {}, {}).verdict == rows::Verdict::Independent);
}

TEST_CASE("graph: graphs in graphs end somewhere") {
  // graph { node { attribute { g { node { ...
  std::vector<std::byte> inner;
  const auto wrap = [&](unsigned tag) {
    std::vector<std::byte> outer = bytes({tag});
    std::size_t length = inner.size();
    do {
      outer.push_back(static_cast<std::byte>((length & 0x7fU) | (length > 0x7fU ? 0x80U : 0U)));
      length >>= 7U;
    } while (length != 0);
    outer.insert(outer.end(), inner.begin(), inner.end());
    inner = std::move(outer);
  };
  for (int depth = 0; depth < 1000; ++depth) {
    wrap(0x32);  // attribute.g
    wrap(0x2a);  // node.attribute
    wrap(0x0a);  // graph.node
  }
  wrap(0x3a);  // model.graph
  CHECK(refusal(inner).find("nested deeper") != std::string::npos);
}

// Under the sanitizers nothing but what it should be is read.
TEST_CASE("graph: a model with wrong bytes is refused, or read and followed") {
  const auto whole = bytes_of(TENSORLANE_TEST_MODEL);
  std::mt19937 random(7);
  const auto below = [&](std::size_t bound) { return random() % bound; };
  int refused = 0;
  for (int i = 0; i < 300; ++i) {
    std::vector<std::byte> wrong = whole;
    if (i % 10 == 0) wrong.resize(below(wrong.size()));
    for (std::size_t k = below(20) + 1; k > 0 && !wrong.empty(); --k) {
      wrong[below(std::min<std::size_t>(wrong.size(), i % 2 == 0 ? 3000 : wrong.size()))] =
          static_cast<std::byte>(random());
    }
    const rows::Finding finding = Examination(std::span<const std::byte>(wrong), {}, {}).finding();
    refused += finding.reason.find("cannot be read") != std::string::npos ? 1 : 0;
  }
  CHECK_MESSAGE(refused > 30, "of 300 wrong models only ", refused, " were refused");
}
