#include "onnx/guard/shape_guard.h"

#include <algorithm>
#include <optional>
#include <string>
#include <utility>

#include "core/error.h"
#include "onnx/graph/wire.h"
#include "onnx/guard/attribute_needs.h"
#include "onnx/guard/deciding_inputs.h"
#include "onnx/guard/operator_needs.h"
#include "onnx/rows/follow.h"

namespace tensorlane {
namespace {

// How many shapes are remembered.
constexpr std::size_t kMostShapes = 1024;

std::string name_of(const graph::Node& node) {
  const std::string& name = node.name.empty() && !node.outputs.empty() ? node.outputs[0] : node.name;
  return node.op + " '" + name + "'";
}

// What is wrong of what a node takes, where it is known; as a sentence about those that give it.
std::optional<std::string> find_wrong(const graph::Node& node, Facts inputs, const std::string& who_make) {
  const std::vector<Need> needs = needs_of(node, inputs);
  for (std::size_t i = 0; i < std::min(needs.size(), inputs.size()); ++i) {
    if (inputs[i] == nullptr || !inputs[i]->shape.has_value()) continue;
    const Need& need = needs[i];
    const rows::Sizes& sizes = *inputs[i]->shape;
    const std::string value = who_make + " '" + node.inputs[i] + "' a value of ";
    if (sizes.size() < need.least || sizes.size() > need.most) {
      const std::string to = need.most == need.least       ? ""
                             : need.most == Need::kAnyRank ? " or more"
                                                           : " to " + std::to_string(need.most);
      std::string text = value + std::to_string(sizes.size());
      text.append(" dimensions, and the model's node ").append(name_of(node)).append(" takes ");
      text.append(std::to_string(need.least)).append(to).append(" there");
      return text;
    }
    for (std::size_t axis = 0; axis < sizes.size(); ++axis) {
      if (!need.is_of_size(axis) || !sizes[axis].is_number() || sizes[axis].number() > 0) continue;
      return value + "size 0 along axis " + std::to_string(axis) + ", and the model's node " + name_of(node) +
             " takes none such there";
    }
  }
  const std::optional<std::string> misfit = find_misfit(node, inputs);
  if (!misfit.has_value()) return std::nullopt;
  return "the model's node " + name_of(node) + " is given " + *misfit;
}

// Whether no request can give a node what it does not take, but for what has no elements.
bool is_settled(const graph::Node& node, Facts inputs) {
  const std::vector<Need> needs = needs_of(node, inputs);
  for (std::size_t i = 0; i < std::min(needs.size(), inputs.size()); ++i) {
    if (inputs[i] != nullptr && needs[i].is_of_rank() && !inputs[i]->rank().has_value()) return false;
  }
  return fits_surely(node, inputs);
}

// What the model holds, and what is computed of nothing else, which ONNX Runtime does as it loads the model.
class Held {
 public:
  explicit Held(const graph::Graph& graph) { add(graph); }

  [[nodiscard]] bool has(const std::string& name) const { return names_.contains(name); }

  // Whether a node takes nothing else; then its outputs are such too.
  bool takes_no_other(const graph::Node& node) {
    for (const graph::Attribute& attribute : node.attributes) {
      if (attribute.graph != nullptr) add(*attribute.graph);
    }
    const bool all = std::ranges::all_of(
        node.inputs, [&](const std::string& name) { return name.empty() || names_.contains(name); });
    if (all) names_.insert(node.outputs.begin(), node.outputs.end());
    return all;
  }

 private:
  void add(const graph::Graph& graph) {
    for (const graph::Tensor& tensor : graph.initializers) names_.insert(tensor.name);
    for (const graph::Value& input : graph.inputs) names_.erase(input.name);  // it may be given otherwise
  }

  std::set<std::string> names_;
};

void find_those_that_need(const std::vector<graph::Node>& nodes, std::vector<const graph::Node*>& found) {
  for (const graph::Node& node : nodes) {
    if (needs_elements(node)) found.push_back(&node);
    for (const graph::Attribute& attribute : node.attributes) {
      if (attribute.graph != nullptr) find_those_that_need(attribute.graph->nodes, found);
    }
  }
}

bool has_some(const rows::Fact* fact) {
  return fact == nullptr || (fact->shape.has_value() && std::ranges::all_of(*fact->shape, [](const rows::Size& size) {
                               return size.is_number() && size.number() > 0;
                             }));
}

constexpr const char* kEnds = ": ONNX Runtime would end the process";

// Whatever the inputs are.
void require_of_model(const graph::Node& node, Facts inputs) {
  if (const auto wrong = find_wrong_attribute(node)) {
    throw Error(Code::Model, "the model's node " + name_of(node) + " " + *wrong + kEnds);
  }
  if (const auto wrong = find_wrong(node, inputs, "the model makes")) throw Error(Code::Model, *wrong + kEnds);
  if (!needs_elements(node)) return;
  const auto empty = std::ranges::find_if(inputs, has_size_0);
  if (empty == inputs.end()) return;
  const std::string& name = node.inputs[static_cast<std::size_t>(empty - inputs.begin())];
  throw Error(Code::Model,
              "'" + name + "' has no elements, and the model's node " + name_of(node) + " needs some" + kEnds);
}

bool is_empty(const InputParts& input) {
  return input.form == ValueForm::Tensor && std::ranges::find(input.dims, 0) != input.dims.end();
}

std::vector<std::int64_t> key_of(std::span<const InputParts> inputs,
                                 std::span<const std::optional<std::vector<std::int64_t>>> elements) {
  std::vector<std::int64_t> key;
  for (const InputParts& input : inputs) {
    const bool is_tensor = input.form == ValueForm::Tensor;
    key.push_back(is_tensor ? static_cast<std::int64_t>(input.dims.size()) : -1);
    if (is_tensor) key.insert(key.end(), input.dims.begin(), input.dims.end());
  }
  for (const auto& one : elements) {
    key.push_back(one.has_value() ? 1 : 0);
    if (one.has_value()) key.insert(key.end(), one->begin(), one->end());
  }
  return key;
}

// All nodes of a branch, and of what lies in it.
void add_all(const graph::Graph& graph, std::set<const graph::Node*>& to) {
  for (const graph::Node& node : graph.nodes) {
    to.insert(&node);
    for (const graph::Attribute& attribute : node.attributes) {
      if (attribute.graph != nullptr) add_all(*attribute.graph, to);
    }
  }
}

// What does not run of an If, where its condition is known.
void add_not_taken(const graph::Node& node, Facts inputs, std::set<const graph::Node*>& to) {
  if (!node.is("", "If") || inputs.empty() || inputs[0] == nullptr) return;
  const auto& condition = inputs[0]->elements;
  if (!condition.has_value() || condition->size() != 1 || !condition->front().is_number()) return;
  const graph::Attribute* other = node.attribute(condition->front().is(0) ? "then_branch" : "else_branch");
  if (other != nullptr && other->graph != nullptr) add_all(*other->graph, to);
}

}  // namespace

ShapeGuard::ShapeGuard(const ModelSource& source) {
  try {
    graph_ = source.graph();
  } catch (const graph::Malformed&) {
    return;  // it cannot be loaded either, or not be read
  }
  require_loadable(*graph_);
  Held held(graph_->graph);
  rows::follow_shapes(*graph_, {}, [&](const graph::Node& node, Facts inputs, bool runs_surely) {
    settled_ = settled_ && is_settled(node, inputs);
    sizes_matter_ =
        sizes_matter_ || std::ranges::any_of(needs_of(node, inputs), [](const Need& need) { return need.sizes != 0; });
    const bool is_computed = held.takes_no_other(node);
    const auto not_held = find_not_held(node, [&](const std::string& name) { return held.has(name); });
    if (not_held.has_value()) throw Error(Code::Model, "the model's node " + name_of(node) + " " + *not_held + kEnds);
    if (is_computed || runs_surely) require_of_model(node, inputs);
  });
  find_those_that_need(graph_->graph.nodes, need_elements_);
  for (const graph::Function& function : graph_->functions) find_those_that_need(function.nodes, need_elements_);
  if (settled_ && !sizes_matter_ && need_elements_.empty()) {
    graph_.reset();
    return;
  }
  deciding_ = deciding_inputs(*graph_);
}

void ShapeGuard::check(std::span<const InputParts> inputs, std::span<const ValueInfo> infos) {
  if (graph_ == nullptr) return;
  const bool has_empty = std::ranges::any_of(inputs, is_empty);
  if (settled_ && !has_empty) return;
  const Elements elements = elements_of(inputs, infos);
  std::vector<std::int64_t> key = key_of(inputs, elements);
  {
    const std::scoped_lock lock(mutex_);
    if (right_.contains(key)) return;
  }
  look_at(inputs, infos, elements, has_empty);
  const std::scoped_lock lock(mutex_);
  if (right_.size() >= kMostShapes) right_.clear();
  right_.insert(std::move(key));
}

ShapeGuard::Elements ShapeGuard::elements_of(std::span<const InputParts> inputs,
                                             std::span<const ValueInfo> infos) const {
  Elements elements;
  if (deciding_.empty()) return elements;
  for (std::size_t i = 0; i < inputs.size(); ++i) {
    const bool decides = infos[i].kind == ValueKind::Tensor && deciding_.contains(infos[i].name);
    elements.push_back(decides ? few_elements(infos[i].type, inputs[i]) : std::nullopt);
  }
  return elements;
}

void ShapeGuard::look_at(std::span<const InputParts> inputs, std::span<const ValueInfo> infos, const Elements& elements,
                         bool has_empty) const {
  rows::Known known;
  const std::string* empty = nullptr;
  for (std::size_t i = 0; i < inputs.size(); ++i) {
    if (inputs[i].form != ValueForm::Tensor) continue;
    known[infos[i].name] = {.dims = inputs[i].dims, .elements = elements.empty() ? std::nullopt : elements[i]};
    if (is_empty(inputs[i])) empty = &infos[i].name;
  }
  std::set<const graph::Node*> safe;
  rows::follow_shapes(*graph_, known, [&](const graph::Node& node, Facts taken, bool runs_surely) {
    // What may not run is refused as well, as nobody knows: an If may go this way, a loop hardly ends before it begins.
    if (const auto wrong = find_wrong(node, taken, "the inputs make")) throw Error(Code::Shape, *wrong + kEnds);
    if (!has_empty || !runs_surely) return;
    if (std::ranges::all_of(taken, has_some)) safe.insert(&node);
    add_not_taken(node, taken, safe);
  });
  if (!has_empty) return;
  const auto unsafe = std::ranges::find_if(need_elements_, [&](const auto* node) { return !safe.contains(node); });
  if (unsafe == need_elements_.end()) return;
  throw Error(Code::Shape, "input '" + *empty + "' has no elements, and the model's node " + name_of(**unsafe) +
                               " needs some: ONNX Runtime would end the process. Leave such requests out");
}

}  // namespace tensorlane
