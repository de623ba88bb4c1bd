#include "onnx/graph/digest.h"

#include <algorithm>
#include <bit>
#include <cstdint>
#include <cstring>
#include <string_view>

namespace tensorlane::graph {
namespace {

// As FNV-1a, 64 bits (http://www.isthe.com/chongo/tech/comp/fnv/), of eight bytes at a time, whose high bits are folded in.
// Against accidents, not against attackers: whoever can change a kept finding can say as well that rows are independent.
class Digest {
 public:
  void add(std::uint64_t number) {
    hash_ = (hash_ ^ number) * 0x100000001b3ULL;
    hash_ ^= hash_ >> 32U;
  }
  void add(std::string_view text) {
    add(text.size());
    for (std::size_t at = 0; at < text.size(); at += sizeof(std::uint64_t)) {
      std::uint64_t word = 0;
      std::memcpy(&word, text.data() + at, std::min(sizeof word, text.size() - at));
      add(word);
    }
  }
  template <typename T>
  void add_all(const T& items) {
    add(items.size());
    for (const auto& item : items) add_one(item);
  }

  void add_one(std::int64_t number) { add(static_cast<std::uint64_t>(number)); }
  void add_one(float number) { add(std::bit_cast<std::uint32_t>(number)); }
  void add_one(const std::string& text) { add(std::string_view(text)); }
  void add_one(const Dim& dim) {
    add_one(dim.size);
    add_one(dim.name);
  }
  void add_one(const Value& value) {
    add_one(value.name);
    add_one(std::int64_t{value.type});
    add(std::uint64_t{value.is_tensor});
    if (value.shape.has_value()) add_all(*value.shape);
  }
  void add_one(const Tensor& tensor) {
    add_one(tensor.name);
    add_one(std::int64_t{tensor.type});
    add_all(tensor.dims);
    if (tensor.elements.has_value()) add_all(*tensor.elements);
    if (tensor.reals.has_value()) add_all(*tensor.reals);
  }
  void add_one(const Attribute& attribute) {
    add_one(attribute.name);
    add_one(attribute.refers_to);
    if (attribute.integer.has_value()) add_one(*attribute.integer);
    if (attribute.real.has_value()) add_one(*attribute.real);
    add(attribute.texts);
    add_all(attribute.integers);
    add_all(attribute.reals);
    add_one(attribute.text);
    if (attribute.tensor.has_value()) add_one(*attribute.tensor);
    if (attribute.graph != nullptr) add_one(*attribute.graph);
  }
  void add_one(const Node& node) {
    add_one(node.op);
    add_one(node.domain);
    add_one(node.overload);
    add_all(node.inputs);
    add_all(node.outputs);
    add_all(node.attributes);
  }
  void add_one(const Graph& graph) {
    add_all(graph.inputs);
    add_all(graph.outputs);
    add_all(graph.initializers);
    add_all(graph.nodes);
  }
  void add_one(const Opsets& opsets) {
    for (const auto& [domain, version] : opsets) {
      add_one(domain);
      add_one(version);
    }
  }
  void add_one(const Function& function) {
    add_one(function.domain);
    add_one(function.name);
    add_one(function.overload);
    add_all(function.inputs);
    add_all(function.outputs);
    add_all(function.defaults);
    add_all(function.nodes);
    add_one(function.opsets);
  }

  [[nodiscard]] std::string text() const {
    constexpr std::string_view kDigits = "0123456789abcdef";
    std::string text;
    for (int shift = 60; shift >= 0; shift -= 4) text += kDigits[(hash_ >> shift) & 15];
    return text;
  }

 private:
  std::uint64_t hash_ = 0xcbf29ce484222325ULL;
};

}  // namespace

std::string digest(const ModelGraph& model) {
  Digest digest;
  digest.add_one(model.graph);
  digest.add_one(model.opsets);
  digest.add_all(model.functions);
  return digest.text();
}

}  // namespace tensorlane::graph
