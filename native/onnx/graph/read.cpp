#include <algorithm>
#include <charconv>
#include <cstring>
#include <utility>

#include "onnx/graph/graph.h"
#include "onnx/graph/sum.h"
#include "onnx/graph/wire.h"

// Field numbers are those of onnx.proto (https://github.com/onnx/onnx).

namespace tensorlane::graph {
namespace {

// Shapes and axes have a handful of elements; more is data.
constexpr std::int64_t kMostElements = 4096;
// A graph in an attribute of a node of a graph, and so on: more than any model has.
constexpr int kMostDepth = 64;

enum : std::int32_t { kFloat = 1, kUInt8 = 2, kInt8 = 3, kInt32 = 6, kInt64 = 7, kBool = 9 };

Graph read_graph(Message message, int depth);

Dim read_dim(Message message) {
  Dim dim;
  while (message.next()) {
    if (message.field() == 1) dim.size = message.integer();
    if (message.field() == 2) dim.name = message.text();
  }
  if (dim.size < 0) dim.size = -1;
  return dim;
}

Shape read_shape(Message message) {
  Shape shape;
  while (message.next()) {
    if (message.field() == 1) shape.push_back(read_dim(message.message()));
  }
  return shape;
}

Value read_value(Message message) {
  Value value;
  while (message.next()) {
    if (message.field() == 1) value.name = message.text();
    if (message.field() != 2) continue;
    Message type = message.message();
    while (type.next()) {
      value.is_tensor = type.field() == 1;
      if (!value.is_tensor) break;
      Message tensor = type.message();
      while (tensor.next()) {
        if (tensor.field() == 1) value.type = static_cast<std::int32_t>(tensor.integer());
        if (tensor.field() == 2) value.shape = read_shape(tensor.message());
      }
    }
  }
  return value;
}

std::optional<std::int64_t> count_of(const std::vector<std::int64_t>& dims) {
  std::int64_t count = 1;
  for (const std::int64_t dim : dims) {
    if (dim < 0 || dim > kMostElements) return std::nullopt;
    count *= dim;
    if (count > kMostElements) return std::nullopt;
  }
  return count;
}

template <typename T, typename Element = std::int64_t>
std::vector<Element> elements_of(std::span<const std::byte> raw) {
  std::vector<Element> elements;
  for (std::size_t at = 0; at + sizeof(T) <= raw.size(); at += sizeof(T)) {
    T element;
    std::memcpy(&element, raw.data() + at, sizeof(T));  // little-endian, as every machine is that this runs on
    elements.push_back(static_cast<Element>(element));
  }
  return elements;
}

std::vector<std::int64_t> elements_of(std::int32_t type, std::span<const std::byte> raw) {
  switch (type) {
    case kInt64:
      return elements_of<std::int64_t>(raw);
    case kInt32:
      return elements_of<std::int32_t>(raw);
    case kInt8:
      return elements_of<std::int8_t>(raw);
    default:
      return elements_of<std::uint8_t>(raw);
  }
}

// raw_data, or a list of one type.
bool is_data(std::uint32_t field) { return (field >= 4 && field <= 7) || (field >= 9 && field <= 11); }

bool keeps_elements(std::int32_t type) {
  return type == kInt64 || type == kInt32 || type == kBool || type == kInt8 || type == kUInt8;
}

// A key and its value, of those that say where a tensor's bytes are.
void read_external(Message entry, External& external) {
  std::string key;
  std::string value;
  while (entry.next()) {
    if (entry.field() == 1) key = entry.text();
    if (entry.field() == 2) value = entry.text();
  }
  if (key == "location") external.location = value;
  if (key == "offset") std::from_chars(value.data(), value.data() + value.size(), external.offset);
}

Tensor read_tensor(Message message) {
  constexpr std::uint64_t kMostBytes = kMostElements * sizeof(std::int64_t);
  Tensor tensor;
  std::vector<std::int64_t> listed;
  std::vector<float> reals;
  std::vector<std::byte> raw;
  External external;
  bool elsewhere = false;
  Sum sum;
  while (message.next()) {
    if (is_data(message.field())) sum.add(message.beginning(kSampledBytes));
    switch (message.field()) {
      case 1:
        message.add_integers(tensor.dims);
        break;
      case 2:
        tensor.type = static_cast<std::int32_t>(message.integer());
        break;
      case 4:  // float_data
        if (reals.size() <= static_cast<std::size_t>(kMostElements)) message.add_reals(reals);
        break;
      case 5:  // int32_data, for the smaller integers too
      case 7:  // int64_data
        if (listed.size() <= static_cast<std::size_t>(kMostElements)) message.add_integers(listed);
        break;
      case 8:
        tensor.name = message.text();
        break;
      case 9:
        if (message.size() <= kMostBytes) {
          const auto bytes = message.bytes();
          raw.assign(bytes.begin(), bytes.end());
        }
        break;
      case 13:
        read_external(message.message(), external);
        break;
      case 14:
        elsewhere = message.integer() == 1;
        break;
      default:
        break;
    }
  }
  tensor.sum = sum.value();
  if (elsewhere) tensor.external = std::move(external);
  const auto count = count_of(tensor.dims);
  if (elsewhere || !count.has_value()) return tensor;
  if (tensor.type == kFloat) {
    if (reals.empty()) reals = elements_of<float, float>(raw);
    if (static_cast<std::int64_t>(reals.size()) == *count) tensor.reals = std::move(reals);
    return tensor;
  }
  if (!keeps_elements(tensor.type)) return tensor;
  std::vector<std::int64_t> elements = raw.empty() ? std::move(listed) : elements_of(tensor.type, raw);
  if (static_cast<std::int64_t>(elements.size()) == *count) tensor.elements = std::move(elements);
  return tensor;
}

Attribute read_attribute(Message message, int depth) {
  Attribute attribute;
  Sum texts;
  while (message.next()) {
    switch (message.field()) {
      case 1:
        attribute.name = message.text();
        break;
      case 2:
        attribute.real = message.real();
        break;
      case 3:
        attribute.integer = message.integer();
        break;
      case 4:
        attribute.text = message.text();
        break;
      case 5:
        attribute.tensor = read_tensor(message.message());
        break;
      case 6:
        attribute.graph = std::make_shared<const Graph>(read_graph(message.message(), depth + 1));
        break;
      case 8:
        message.add_integers(attribute.integers);
        break;
      case 7:
        message.add_reals(attribute.reals);
        break;
      case 9:
        ++attribute.texts;
        texts.add(message.bytes());
        break;
      case 21:
        attribute.refers_to = message.text();
        break;
      default:
        break;
    }
  }
  attribute.sum_of_texts = texts.value();
  return attribute;
}

Node read_node(Message message, int depth) {
  Node node;
  while (message.next()) {
    switch (message.field()) {
      case 1:
        node.inputs.push_back(message.text());
        break;
      case 2:
        node.outputs.push_back(message.text());
        break;
      case 3:
        node.name = message.text();
        break;
      case 4:
        node.op = message.text();
        break;
      case 5:
        node.attributes.push_back(read_attribute(message.message(), depth));
        break;
      case 7:
        node.domain = message.text();
        break;
      case 8:
        node.overload = message.text();
        break;
      default:
        break;
    }
  }
  if (node.domain == "ai.onnx") node.domain.clear();
  return node;
}

Graph read_graph(Message message, int depth) {
  if (depth > kMostDepth) throw Malformed("its graphs are nested deeper than " + std::to_string(kMostDepth));
  Graph graph;
  while (message.next()) {
    switch (message.field()) {
      case 1:
        graph.nodes.push_back(read_node(message.message(), depth));
        break;
      case 5:
        graph.initializers.push_back(read_tensor(message.message()));
        break;
      case 11:
        graph.inputs.push_back(read_value(message.message()));
        break;
      case 12:
        graph.outputs.push_back(read_value(message.message()));
        break;
      case 13:
        graph.values.push_back(read_value(message.message()));
        break;
      case 15: {  // a sparse initializer: its values' name is its own
        Message sparse = message.message();
        Tensor dense;
        std::vector<std::int64_t> dims;
        while (sparse.next()) {
          if (sparse.field() == 1) dense = read_tensor(sparse.message());
          if (sparse.field() == 3) sparse.add_integers(dims);
        }
        dense.dims = std::move(dims);
        dense.elements.reset();
        graph.initializers.push_back(std::move(dense));
        break;
      }
      default:
        break;
    }
  }
  return graph;
}

void read_opset(Message message, Opsets& opsets) {
  std::string domain;
  std::int64_t version = 0;
  while (message.next()) {
    if (message.field() == 1) domain = message.text();
    if (message.field() == 2) version = message.integer();
  }
  opsets[domain == "ai.onnx" ? "" : domain] = version;
}

Function read_function(Message message) {
  Function function;
  while (message.next()) {
    switch (message.field()) {
      case 1:
        function.name = message.text();
        break;
      case 4:
        function.inputs.push_back(message.text());
        break;
      case 5:
        function.outputs.push_back(message.text());
        break;
      case 7:
        function.nodes.push_back(read_node(message.message(), 0));
        break;
      case 9:
        read_opset(message.message(), function.opsets);
        break;
      case 10:
        function.domain = message.text();
        break;
      case 11:
        function.defaults.push_back(read_attribute(message.message(), 0));
        break;
      case 13:
        function.overload = message.text();
        break;
      default:
        break;
    }
  }
  return function;
}

ModelGraph read_from(ByteSource& source) {
  ModelGraph model;
  bool has_graph = false;
  Message message(source);
  while (message.next()) {
    switch (message.field()) {
      case 7:
        model.graph = read_graph(message.message(), 0);
        has_graph = true;
        break;
      case 8:
        read_opset(message.message(), model.opsets);
        break;
      case 25:
        model.functions.push_back(read_function(message.message()));
        break;
      default:
        break;
    }
  }
  if (!has_graph) throw Malformed("it has no graph");
  return model;
}

}  // namespace

ModelGraph read_model(std::span<const std::byte> bytes) {
  ByteSource source(bytes);
  return read_from(source);
}

ModelGraph read_model(const std::string& path) {
  ByteSource source(path);
  return read_from(source);
}

}  // namespace tensorlane::graph
