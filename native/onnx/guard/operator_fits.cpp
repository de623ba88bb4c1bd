// What has to fit each other of a node's inputs, and of its attributes with them; and numbers among them that are divided by. The declarations are operator_needs.h's.

#include <algorithm>
#include <string_view>

#include "onnx/guard/operator_needs.h"

namespace tensorlane {
namespace {

const rows::Fact* input(Facts inputs, std::size_t i) { return i < inputs.size() ? inputs[i] : nullptr; }

std::optional<std::size_t> rank_of(const rows::Fact* fact) { return fact == nullptr ? std::nullopt : fact->rank(); }

// Where the scales of these are: of the whole matrix, or of each of its columns.
std::vector<std::size_t> scales_of(const graph::Node& node) {
  if (node.is(graph::kMicrosoft, "DynamicQuantizeMatMul")) return {2};
  if (node.is(graph::kMicrosoft, "MatMulIntegerToFloat")) return {2, 3};
  return {};
}

std::optional<std::int64_t> count_of(const rows::Fact* fact) {
  if (fact == nullptr || !fact->shape.has_value()) return std::nullopt;
  std::int64_t count = 1;
  for (const rows::Size& size : *fact->shape) {
    if (!size.is_number()) return std::nullopt;
    count *= size.number();
  }
  return count;
}

std::optional<std::int64_t> size_of(const rows::Fact* fact, std::size_t from_the_end) {
  if (fact == nullptr || !fact->shape.has_value() || fact->shape->size() < from_the_end) return std::nullopt;
  const rows::Size& size = (*fact->shape)[fact->shape->size() - from_the_end];
  return size.is_number() ? std::optional(size.number()) : std::nullopt;
}

bool is_known(const rows::Fact* fact) {
  return fact == nullptr || (fact->shape.has_value() && std::ranges::all_of(*fact->shape, &rows::Size::is_number));
}

// A scale for each dimension, or for each of those that it names.
bool resizes(const graph::Node& node) { return node.is("", "Resize") || node.is("", "Upsample"); }

std::size_t scales_at(const graph::Node& node, Facts inputs) {
  return node.op == "Resize" && inputs.size() > 2 ? 2 : 1;
}

std::optional<std::string> misfit_of_resize(const graph::Node& node, Facts inputs) {
  const auto rank = rank_of(input(inputs, 0));
  if (!rank.has_value()) return std::nullopt;
  const graph::Attribute* axes = node.op == "Resize" ? node.attribute("axes") : nullptr;
  const std::size_t dimensions = axes == nullptr || axes->integers.empty() ? *rank : axes->integers.size();
  const graph::Attribute* held = node.op == "Upsample" ? node.attribute("scales") : nullptr;
  const rows::Fact* given = input(inputs, scales_at(node, inputs));
  const auto count = held != nullptr ? std::optional(static_cast<std::int64_t>(held->reals.size())) : count_of(given);
  if (!count.has_value() || *count == static_cast<std::int64_t>(dimensions)) return std::nullopt;
  if (node.op == "Resize" && *count == 0 && inputs.size() > 3) return std::nullopt;  // sizes are given in their place
  return std::to_string(*count) + " scales for " + std::to_string(dimensions) + " dimensions, and takes one for each";
}

// The largest of the features that a tree asks for.
std::optional<std::int64_t> last_feature(const graph::Node& node) {
  if (node.domain != "ai.onnx.ml" || !node.op.starts_with("TreeEnsemble")) return std::nullopt;
  const graph::Attribute* features = node.attribute("nodes_featureids");
  if (features == nullptr || features->integers.empty()) return std::nullopt;
  return std::ranges::max(features->integers);
}

std::optional<std::string> misfit_of_tree(std::int64_t last, Facts inputs) {
  const auto features = size_of(input(inputs, 0), 1);
  if (!features.has_value() || *features > last) return std::nullopt;
  return "rows of " + std::to_string(*features) + " features, and asks for feature " + std::to_string(last);
}

// With its channels last this pool divides by the size of what it gives.
bool pools_channels_last(const graph::Node& node) {
  const graph::Attribute* last = node.attribute("channels_last");
  return node.is(graph::kMicrosoft, "QLinearAveragePool") && last != nullptr && last->integer.value_or(0) != 0;
}

std::optional<std::string> misfit_of_pool(const graph::Node& node, Facts inputs) {
  const graph::Attribute* kernel = node.attribute("kernel_shape");
  const graph::Attribute* pads = node.attribute("pads");
  const graph::Attribute* automatic = node.attribute("auto_pad");
  if (kernel == nullptr || (automatic != nullptr && automatic->text.starts_with("SAME"))) return std::nullopt;
  const std::size_t count = kernel->integers.size();
  for (std::size_t i = 0; i < count; ++i) {
    auto size = size_of(input(inputs, 0), count + 1 - i);
    if (!size.has_value()) continue;
    if (pads != nullptr && pads->integers.size() == 2 * count) *size += pads->integers[i] + pads->integers[i + count];
    if (*size < kernel->integers[i]) {
      return "size " + std::to_string(*size) + " along a dimension of its kernel, which has " +
             std::to_string(kernel->integers[i]);
    }
  }
  return std::nullopt;
}

// The zero points of several matrices are divided by these matrices' sizes.
bool has_zero_points_of_several(const graph::Node& node, Facts inputs) {
  return node.is("", "MatMulInteger") && input(inputs, 3) != nullptr && rank_of(input(inputs, 3)).value_or(2) > 1;
}

// Values of three dimensions are divided among its heads.
bool lacks_heads(const graph::Node& node) {
  if (!node.is("", "Attention")) return false;
  return std::ranges::any_of(std::initializer_list<std::string_view>{"q_num_heads", "kv_num_heads"}, [&](auto name) {
    const graph::Attribute* heads = node.attribute(name);
    return heads == nullptr || (heads->refers_to.empty() && heads->integer.value_or(0) == 0);
  });
}

std::optional<std::string> zero_among(const graph::Node& node, Facts inputs) {
  for (const std::size_t i : counted_inputs(node)) {
    const rows::Fact* fact = input(inputs, i);
    const bool has_0 = fact != nullptr && fact->elements.has_value() &&
                       std::ranges::any_of(*fact->elements, [](const rows::Size& size) { return size.is(0); });
    if (has_0) return "0 in '" + node.inputs[i] + "', and divides by it";
  }
  return std::nullopt;
}

}  // namespace

std::vector<std::size_t> counted_inputs(const graph::Node& node) {
  // The length of its frames, which decides how many bins they have.
  return node.is("", "STFT") && node.inputs.size() > 3 ? std::vector<std::size_t>{3} : std::vector<std::size_t>{};
}

std::optional<std::string> find_misfit(const graph::Node& node, Facts inputs) {
  if (node.is(graph::kMicrosoft, "Inverse") && !inputs.empty()) {
    const auto m = size_of(inputs[0], 2);
    const auto n = size_of(inputs[0], 1);
    if (m.has_value() && n.has_value() && *m != *n) {
      return "matrices of " + std::to_string(*m) + " x " + std::to_string(*n) + ", and takes square ones";
    }
  }
  if (auto zero = zero_among(node, inputs)) return zero;
  if (resizes(node)) return misfit_of_resize(node, inputs);
  if (pools_channels_last(node)) return misfit_of_pool(node, inputs);
  if (const auto last = last_feature(node)) return misfit_of_tree(*last, inputs);
  if (has_zero_points_of_several(node, inputs) && rank_of(input(inputs, 3)).has_value() && has_size_0(input(inputs, 1)))
    return "matrices without elements, and zero points for each";
  if (lacks_heads(node) && rank_of(input(inputs, 0)) == 3) return "values of 3 dimensions, and has no number of heads";
  for (const std::size_t i : scales_of(node)) {
    if (i >= inputs.size() || inputs[1] == nullptr) continue;
    const auto count = count_of(inputs[i]);
    const auto columns = inputs[1]->rank() == 1 ? std::optional<std::int64_t>(1) : size_of(inputs[1], 1);
    if (count.has_value() && columns.has_value() && *count != 1 && *count != *columns) {
      return std::to_string(*count) + " scales in '" + node.inputs[i] + "', and takes one, or one for each of " +
             std::to_string(*columns) + " columns";
    }
  }
  return std::nullopt;
}

bool fits_surely(const graph::Node& node, Facts inputs) {
  for (const std::size_t i : counted_inputs(node)) {
    const rows::Fact* fact = input(inputs, i);
    if (fact != nullptr && !fact->elements.has_value()) return false;
  }
  if (resizes(node)) return rank_of(input(inputs, 0)).has_value() && is_known(input(inputs, scales_at(node, inputs)));
  if (pools_channels_last(node)) return is_known(input(inputs, 0));
  if (last_feature(node).has_value()) return size_of(input(inputs, 0), 1).has_value();
  if (lacks_heads(node)) return rank_of(input(inputs, 0)).has_value();
  if (has_zero_points_of_several(node, inputs)) return is_known(input(inputs, 3)) && is_known(input(inputs, 1));
  const bool has_to_fit = node.is(graph::kMicrosoft, "Inverse") || !scales_of(node).empty();
  return !has_to_fit || std::ranges::all_of(inputs, is_known);
}

}  // namespace tensorlane
