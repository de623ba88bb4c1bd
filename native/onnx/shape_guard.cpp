#include "onnx/shape_guard.h"

#include <algorithm>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <utility>

#include "core/error.h"
#include "onnx/graph/wire.h"
#include "onnx/rows/follow.h"

namespace tensorlane {
namespace {

// How many shapes are remembered.
constexpr std::size_t kMostShapes = 1024;

struct Ranks {
  std::size_t least = 0;
  std::size_t most = 1000;
};

Ranks exactly(std::size_t rank) { return {rank, rank}; }
Ranks at_least(std::size_t rank) { return {.least = rank}; }

// By operator: of its inputs, in their order.
using Table = std::map<std::pair<std::string_view, std::string_view>, std::vector<Ranks>>;

const Table& table() {
  static const Table all = [] {
    const std::vector<Ranks> recurrent{exactly(3), exactly(3), exactly(3), exactly(2),
                                       exactly(1), exactly(3), exactly(3), exactly(2)};
    const std::vector<Ranks> convolution{at_least(3), at_least(3)};
    return Table{
        {{"", "RNN"}, recurrent},
        {{"", "GRU"}, recurrent},
        {{"", "LSTM"}, recurrent},
        {{"", "Conv"}, convolution},
        {{"", "ConvInteger"}, convolution},
        {{"com.microsoft", "FusedConv"}, convolution},
        {{"", "QLinearConv"}, {at_least(3), {}, {}, at_least(3)}},
        {{"", "MaxRoiPool"}, {exactly(4), exactly(2)}},
        {{"", "RoiAlign"}, {exactly(4), exactly(2), exactly(1)}},
        {{"", "GridSample"}, {at_least(3), at_least(3)}},
        {{"", "AffineGrid"}, {exactly(3), exactly(1)}},
        {{"", "ReverseSequence"}, {at_least(2), exactly(1)}},
        {{"", "STFT"}, {at_least(2)}},
        {{"", "DFT"}, {at_least(2)}},
        {{"", "Multinomial"}, {exactly(2)}},
    };
  }();
  return all;
}

// One a term: "ab,...b->a" has two of which the second is open.
std::vector<Ranks> ranks_of_equation(std::string_view equation) {
  std::vector<Ranks> ranks(1);
  std::vector<bool> open(1, false);
  for (const char letter : equation.substr(0, equation.find("->"))) {
    if (letter == ',') {
      ranks.emplace_back();
      open.push_back(false);
    } else if (letter == '.') {
      open.back() = true;
    } else if (letter != ' ') {
      ++ranks.back().least;
    }
  }
  for (std::size_t i = 0; i < ranks.size(); ++i) {
    if (!open[i]) ranks[i].most = ranks[i].least;
  }
  return ranks;
}

// What a node takes; empty where any rank will do, or leads to an error.
std::vector<Ranks> ranks_for(const graph::Node& node, std::span<const rows::Fact* const> inputs) {
  if (node.domain.empty() && node.op == "Einsum") {
    const graph::Attribute* equation = node.attribute("equation");
    return equation == nullptr ? std::vector<Ranks>{} : ranks_of_equation(equation->text);
  }
  if (node.domain.empty() && node.op == "Concat") {
    const auto known = std::ranges::find_if(
        inputs, [](const rows::Fact* fact) { return fact != nullptr && fact->rank().has_value(); });
    // Where nothing is known of any of them: any rank, which is none that is known.
    return std::vector<Ranks>(inputs.size(), known == inputs.end() ? Ranks{} : exactly(*(*known)->rank()));
  }
  const auto found = table().find({node.domain, node.op});
  return found == table().end() ? std::vector<Ranks>{} : found->second;
}

// Whether a node takes a value of another rank than it may have; calls found(input, rank, ranks) for each input whose rank matters.
template <typename Found>
void for_ranks(const graph::Node& node, std::span<const rows::Fact* const> inputs, Found found) {
  const std::vector<Ranks> ranks = ranks_for(node, inputs);
  for (std::size_t i = 0; i < std::min(ranks.size(), inputs.size()); ++i) {
    if (inputs[i] != nullptr) found(i, inputs[i]->rank(), ranks[i]);
  }
}

std::string name_of(const graph::Node& node) {
  const std::string& name = node.name.empty() && !node.outputs.empty() ? node.outputs[0] : node.name;
  return node.op + " '" + name + "'";
}

void require_ranks(const graph::Node& node, std::span<const rows::Fact* const> inputs) {
  for_ranks(node, inputs, [&](std::size_t i, std::optional<std::size_t> rank, const Ranks& ranks) {
    if (!rank.has_value() || (*rank >= ranks.least && *rank <= ranks.most)) return;
    const std::string takes = (ranks.least == ranks.most ? "" : "at least ") + std::to_string(ranks.least);
    throw Error(Code::Shape, "the inputs make '" + node.inputs[i] + "' a value of " + std::to_string(*rank) +
                                 " dimensions, and the model's node " + name_of(node) + " takes " + takes +
                                 " there: ONNX Runtime would end the process");
  });
}

bool needs_elements(const graph::Node& node) {
  if (!node.domain.empty()) return false;
  constexpr std::string_view kAlways[] = {"TopK", "RNN",  "GRU",         "LSTM",    "Einsum", "InstanceNormalization",
                                          "DFT",  "STFT", "Multinomial", "RoiAlign"};
  if (std::ranges::find(kAlways, node.op) != std::end(kAlways)) return true;
  if (node.op == "Unique") return node.attribute("axis") != nullptr;
  return (node.op == "QuantizeLinear" || node.op == "DequantizeLinear") && node.attribute("block_size") != nullptr;
}

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

bool is_empty(const InputParts& input) {
  return input.form == ValueForm::Tensor && std::ranges::find(input.dims, 0) != input.dims.end();
}

std::vector<std::int64_t> key_of(std::span<const InputParts> inputs) {
  std::vector<std::int64_t> key;
  for (const InputParts& input : inputs) {
    const bool is_tensor = input.form == ValueForm::Tensor;
    key.push_back(is_tensor ? static_cast<std::int64_t>(input.dims.size()) : -1);
    if (is_tensor) key.insert(key.end(), input.dims.begin(), input.dims.end());
  }
  return key;
}

}  // namespace

ShapeGuard::ShapeGuard(const ModelSource& source) {
  try {
    graph_ = source.graph();
  } catch (const graph::Malformed&) {
    return;
  }
  rows::follow_shapes(*graph_, {}, [&](const graph::Node& node, std::span<const rows::Fact* const> inputs) {
    for_ranks(node, inputs, [&](std::size_t, std::optional<std::size_t> rank, const Ranks&) {
      ranks_known_ = ranks_known_ && rank.has_value();
    });
  });
  find_those_that_need(graph_->graph.nodes, need_elements_);
  for (const graph::Function& function : graph_->functions) find_those_that_need(function.nodes, need_elements_);
  if (ranks_known_ && need_elements_.empty()) graph_.reset();
}

void ShapeGuard::check(std::span<const InputParts> inputs, std::span<const ValueInfo> infos) {
  if (graph_ == nullptr) return;
  const bool has_empty = !need_elements_.empty() && std::ranges::any_of(inputs, is_empty);
  if (ranks_known_ && !has_empty) return;
  std::vector<std::int64_t> key = key_of(inputs);
  {
    const std::scoped_lock lock(mutex_);
    if (right_.contains(key)) return;
  }
  look_at(inputs, infos, has_empty);
  const std::scoped_lock lock(mutex_);
  if (right_.size() >= kMostShapes) right_.clear();
  right_.insert(std::move(key));
}

void ShapeGuard::look_at(std::span<const InputParts> inputs, std::span<const ValueInfo> infos, bool has_empty) const {
  rows::Known known;
  const std::string* empty = nullptr;
  for (std::size_t i = 0; i < inputs.size(); ++i) {
    if (inputs[i].form != ValueForm::Tensor) continue;
    known[infos[i].name] = {.dims = inputs[i].dims, .elements = std::nullopt};
    if (is_empty(inputs[i])) empty = &infos[i].name;
  }
  std::set<const graph::Node*> safe;
  rows::follow_shapes(*graph_, known, [&](const graph::Node& node, std::span<const rows::Fact* const> taken) {
    require_ranks(node, taken);
    if (has_empty && std::ranges::all_of(taken, has_some)) safe.insert(&node);
  });
  if (!has_empty) return;
  const auto unsafe = std::ranges::find_if(need_elements_, [&](const auto* node) { return !safe.contains(node); });
  if (unsafe == need_elements_.end()) return;
  throw Error(Code::Shape, "input '" + *empty + "' has no elements, and the model's node " + name_of(**unsafe) +
                               " needs some: ONNX Runtime would end the process. Leave such requests out");
}

}  // namespace tensorlane
