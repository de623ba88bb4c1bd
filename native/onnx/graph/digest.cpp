#include "onnx/graph/digest.h"

#include <bit>
#include <cstdint>
#include <string_view>
#include <utility>

#include "onnx/graph/sum.h"

namespace tensorlane::graph {
namespace {

class Digest {
 public:
  explicit Digest(SumOfExternal sum_of_external) : sum_of_external_(std::move(sum_of_external)) {}

  template <typename T>
  void add_all(const T& items) {
    sum_.add(items.size());
    for (const auto& item : items) add_one(item);
  }

  void add_one(std::int64_t number) { sum_.add(static_cast<std::uint64_t>(number)); }
  void add_one(float number) { sum_.add(std::uint64_t{std::bit_cast<std::uint32_t>(number)}); }
  void add_one(const std::string& text) { sum_.add(std::string_view(text)); }
  void add_one(const Dim& dim) {
    add_one(dim.size);
    add_one(dim.name);
  }
  void add_one(const Value& value) {
    add_one(value.name);
    add_one(std::int64_t{value.type});
    sum_.add(std::uint64_t{value.is_tensor});
    if (value.shape.has_value()) add_all(*value.shape);
  }
  void add_one(const Tensor& tensor) {
    add_one(tensor.name);
    add_one(std::int64_t{tensor.type});
    add_all(tensor.dims);
    if (tensor.elements.has_value()) add_all(*tensor.elements);
    if (tensor.reals.has_value()) add_all(*tensor.reals);
    sum_.add(tensor.sum);
    if (tensor.external.has_value() && sum_of_external_) sum_.add(sum_of_external_(*tensor.external));
  }
  void add_one(const Attribute& attribute) {
    add_one(attribute.name);
    add_one(attribute.refers_to);
    if (attribute.integer.has_value()) add_one(*attribute.integer);
    if (attribute.real.has_value()) add_one(*attribute.real);
    sum_.add(attribute.texts);
    sum_.add(attribute.sum_of_texts);
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
    for (int shift = 60; shift >= 0; shift -= 4) text += kDigits[(sum_.value() >> shift) & 15];
    return text;
  }

 private:
  SumOfExternal sum_of_external_;
  Sum sum_;
};

}  // namespace

std::string digest(const ModelGraph& model, SumOfExternal sum_of_external) {
  Digest digest(std::move(sum_of_external));
  digest.add_one(model.graph);
  digest.add_one(model.opsets);
  digest.add_all(model.functions);
  return digest.text();
}

}  // namespace tensorlane::graph
