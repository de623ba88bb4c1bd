#include "onnx/guard/deciding_inputs.h"

#include <algorithm>
#include <array>
#include <cstring>
#include <unordered_map>

#include "onnx/guard/operator_needs.h"
#include "onnx/values/input_bytes.h"

namespace tensorlane {
namespace {

constexpr std::size_t kMostElements = 64;
constexpr int kMostDepth = 32;  // of graphs in nodes, and of functions that call each other

// What is computed of what, over all of a model's graphs, whose names differ.
class Search {
 public:
  explicit Search(const graph::ModelGraph& model) : model_(model) { look_at(model.graph, 0); }

  std::set<std::string> run() {
    std::set<std::string> found;
    while (!open_.empty()) {
      const std::string name = std::move(open_.back());
      open_.pop_back();
      if (!seen_.insert(name).second) continue;
      const auto maker = makers_.find(name);
      if (maker != makers_.end()) {
        open_.insert(open_.end(), maker->second->inputs.begin(), maker->second->inputs.end());
      } else if (std::ranges::find(model_.graph.inputs, name, &graph::Value::name) != model_.graph.inputs.end()) {
        found.insert(name);
      }
    }
    return found;
  }

 private:
  void look_at(const graph::Graph& graph, int depth) {
    if (depth > kMostDepth) return;
    for (const graph::Node& node : graph.nodes) {
      // Of a value's shape the shape alone is asked.
      const bool of_shape = node.domain.empty() && (node.op == "Shape" || node.op == "Size");
      for (const std::string& output : node.outputs) {
        if (!of_shape) makers_.emplace(output, &node);
      }
      const std::vector<std::size_t> counted = counted_inputs(node);
      for (const std::size_t i : counted) {
        if (i < node.inputs.size()) open_.push_back(node.inputs[i]);
      }
      if (calls_one_that_counts(node.domain, node.op, 0))
        open_.insert(open_.end(), node.inputs.begin(), node.inputs.end());
      for (const graph::Attribute& attribute : node.attributes) {
        if (attribute.graph != nullptr) look_at(*attribute.graph, depth + 1);
      }
    }
  }

  [[nodiscard]] bool calls_one_that_counts(const std::string& domain, const std::string& op, int depth) const {
    if (depth > kMostDepth) return true;
    return std::ranges::any_of(model_.functions, [&](const graph::Function& function) {
      return function.name == op && function.domain == domain &&
             std::ranges::any_of(function.nodes, [&](const graph::Node& node) {
               return !counted_inputs(node).empty() || calls_one_that_counts(node.domain, node.op, depth + 1);
             });
    });
  }

  // If goes by its condition, which is asked for here as nowhere else.
  static std::vector<std::size_t> counted_inputs(const graph::Node& node) {
    return node.is("", "If") ? std::vector<std::size_t>{0} : tensorlane::counted_inputs(node);
  }

  const graph::ModelGraph& model_;
  std::unordered_map<std::string, const graph::Node*> makers_;
  std::vector<std::string> open_;
  std::set<std::string> seen_;
};

template <typename T>
std::vector<std::int64_t> read(const std::byte* bytes, std::size_t count) {
  std::vector<std::int64_t> elements;
  for (std::size_t i = 0; i < count; ++i) {
    T element;
    std::memcpy(&element, bytes + i * sizeof(T), sizeof(T));
    elements.push_back(static_cast<std::int64_t>(element));
  }
  return elements;
}

}  // namespace

std::set<std::string> deciding_inputs(const graph::ModelGraph& model) { return Search(model).run(); }

std::optional<std::vector<std::int64_t>> few_elements(DType type, const InputParts& input) {
  // Narrower integers wrap sooner than is known of what is computed of them (rows/elements.cpp).
  if (input.form != ValueForm::Tensor || (type != DType::Bool && type != DType::Int64 && type != DType::Int32))
    return std::nullopt;
  const std::size_t width = type == DType::Bool ? 1 : type == DType::Int32 ? 4 : 8;
  const std::size_t count = total_bytes(input.parts) / width;
  if (count > kMostElements) return std::nullopt;
  std::array<std::byte, kMostElements * sizeof(std::int64_t)> memory{};
  std::byte* end = memory.data();
  for (const Operand& part : input.parts) {
    if (part.buffer != nullptr && !part.buffer->host_accessible()) return std::nullopt;
    end = copy_elements(type, part, end);
  }
  if (type == DType::Int64) return read<std::int64_t>(memory.data(), count);
  if (type == DType::Int32) return read<std::int32_t>(memory.data(), count);
  return read<std::uint8_t>(memory.data(), count);
}

}  // namespace tensorlane
