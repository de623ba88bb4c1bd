// A model's graph, as much of it as its structure needs: nodes, attributes, shapes, and the elements of small integer tensors,
// which shapes and axes are made of. Of weights no more is read than tells one training from another.
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace tensorlane::graph {

struct Dim {
  std::int64_t size = -1;  // -1: free
  std::string name;        // of a free one, where it has one
};

using Shape = std::vector<Dim>;

// What a graph declares of an input, an output or a value between.
struct Value {
  std::string name;
  bool is_tensor = true;       // not a sequence, a map or an optional
  std::int32_t type = 0;       // TensorProto.DataType; 0: not said
  std::optional<Shape> shape;  // none: of unknown rank
};

// Where the bytes of a tensor are that lie in a file of their own.
struct External {
  std::string location;  // beside the model
  std::uint64_t offset = 0;
};

struct Tensor {
  std::string name;
  std::int32_t type = 0;
  std::vector<std::int64_t> dims;
  // Of integers and bools, and of float32, where there are few.
  std::optional<std::vector<std::int64_t>> elements;
  std::optional<std::vector<float>> reals;
  std::uint64_t sum = 0;  // of where its bytes begin: other weights have another
  std::optional<External> external;
};

struct Graph;

struct Attribute {
  std::string name;
  std::string refers_to;  // in a function: the attribute of its caller that this one is
  std::optional<std::int64_t> integer;
  std::optional<float> real;
  std::vector<std::int64_t> integers;
  std::vector<float> reals;
  std::string text;
  std::size_t texts = 0;           // how many a list has
  std::uint64_t sum_of_texts = 0;  // and of what they are
  std::optional<Tensor> tensor;
  std::shared_ptr<const Graph> graph;
};

// The domain of ONNX Runtime's own operators.
inline constexpr std::string_view kMicrosoft = "com.microsoft";

struct Node {
  std::string op;
  std::string domain;  // "" is ONNX's own
  std::string name;
  std::string overload;             // of several functions of one name
  std::vector<std::string> inputs;  // "": left out
  std::vector<std::string> outputs;
  std::vector<Attribute> attributes;

  [[nodiscard]] bool is(std::string_view of, std::string_view operation) const noexcept {
    return domain == of && op == operation;
  }
  // Null where it has none of that name.
  [[nodiscard]] const Attribute* attribute(std::string_view wanted) const {
    const auto at = std::ranges::find(attributes, wanted, &Attribute::name);
    return at == attributes.end() ? nullptr : &*at;
  }
};

using Opsets = std::map<std::string, std::int64_t>;  // versions by domain

struct Graph {
  std::vector<Node> nodes;
  std::vector<Value> inputs;
  std::vector<Value> outputs;
  std::vector<Value> values;
  std::vector<Tensor> initializers;
};

// An operator that the model defines by itself.
struct Function {
  std::string domain;
  std::string name;
  std::string overload;
  std::vector<std::string> inputs;
  std::vector<std::string> outputs;
  std::vector<Attribute> defaults;
  std::vector<Node> nodes;
  Opsets opsets;
};

struct ModelGraph {
  Graph graph;
  Opsets opsets;
  std::vector<Function> functions;
};

// Errors: Malformed (wire.h), where it is no ONNX model: ONNX Runtime's own format, for one.
ModelGraph read_model(std::span<const std::byte> bytes);
ModelGraph read_model(const std::string& path);

}  // namespace tensorlane::graph
