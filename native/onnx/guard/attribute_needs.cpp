#include "onnx/guard/attribute_needs.h"

#include <algorithm>
#include <cstdint>
#include <iterator>
#include <limits>
#include <span>
#include <string_view>

namespace tensorlane {
namespace {

constexpr std::int64_t kMostInt = std::numeric_limits<std::int32_t>::max();

// Of a number, or of each in a list.
struct Bound {
  std::string_view domain, op, attribute;
  std::int64_t least, most;
};

constexpr std::string_view kAny;

constexpr Bound kBounds[] = {
    {"", "Attention", "q_num_heads", 0, kMostInt},
    {"", "Attention", "kv_num_heads", 0, kMostInt},
    {graph::kMicrosoft, kAny, "num_heads", 0, kMostInt},
    {graph::kMicrosoft, kAny, "q_num_heads", 0, kMostInt},
    {graph::kMicrosoft, kAny, "kv_num_heads", 0, kMostInt},
    {"", "Conv", "group", 1, kMostInt},
    {"", "ConvInteger", "group", 1, kMostInt},
    {"", "ConvTranspose", "group", 1, kMostInt},
    {"", "QLinearConv", "group", 1, kMostInt},
    {graph::kMicrosoft, "FusedConv", "group", 1, kMostInt},
    {graph::kMicrosoft, "QLinearConv", "group", 1, kMostInt},
    {graph::kMicrosoft, "ConvTransposeWithDynamicPads", "group", 1, kMostInt},
    // It is squared.
    {"", "DepthToSpace", "blocksize", 1, kMostInt},
    {"", "SpaceToDepth", "blocksize", 1, kMostInt},
    {"", "GatherND", "batch_dims", 0, kMostInt},
    {"", "RoiAlign", "sampling_ratio", 0, kMostInt},
    {"", "Split", "num_outputs", 1, kMostInt},
    {"", "TfIdfVectorizer", "max_skip_count", 0, kMostInt},
    {"ai.onnx.ml", "FeatureVectorizer", "inputdimensions", 0, kMostInt},
};

// Every element of the output goes over the whole kernel, whatever there is of the input.
constexpr std::string_view kPools[] = {"AveragePool", "LpPool", "MaxPool"};
constexpr std::int64_t kMostOfKernel = std::int64_t{1} << 28U;

std::string is_and_takes(const graph::Attribute& attribute, const std::string& is, const std::string& takes) {
  return "has " + is + " as its '" + attribute.name + "', and takes " + takes;
}

std::optional<std::string> beyond(const Bound& bound, const graph::Attribute& attribute) {
  if (!attribute.refers_to.empty()) return std::nullopt;
  const std::int64_t one_number = attribute.integer.value_or(0);
  std::span<const std::int64_t> numbers(&one_number, 1);
  if (!attribute.integers.empty()) numbers = attribute.integers;
  const auto at = std::ranges::find_if(numbers, [&](auto one) { return one < bound.least || one > bound.most; });
  if (at == numbers.end()) return std::nullopt;
  return is_and_takes(attribute, std::to_string(*at),
                      std::to_string(bound.least) + " to " + std::to_string(bound.most));
}

std::optional<std::string> too_large_a_kernel(const graph::Attribute& kernel) {
  std::int64_t count = 1;
  for (const std::int64_t size : kernel.integers) {
    if (size <= 0) return std::nullopt;  // which is looked at
    if (size > kMostOfKernel / count)
      return is_and_takes(kernel, std::to_string(size), "no more than " + std::to_string(kMostOfKernel) + " in all");
    count *= size;
  }
  return std::nullopt;
}

float real_of(const graph::Node& node, std::string_view name, float otherwise) {
  const graph::Attribute* attribute = node.attribute(name);
  return attribute == nullptr ? otherwise : attribute->real.value_or(0);
}

// What a distribution asserts.
std::optional<std::string> wrong_distribution(const graph::Node& node) {
  if (node.op.starts_with("RandomNormal")) {
    const float scale = real_of(node, "scale", 1);
    if (scale > 0) return std::nullopt;
    return "has " + std::to_string(scale) + " as its 'scale', and takes more than 0";
  }
  const float low = real_of(node, "low", 0);
  const float high = real_of(node, "high", 1);
  if (low <= high && high - low <= std::numeric_limits<float>::max()) return std::nullopt;
  return "has " + std::to_string(low) + " as its 'low' and " + std::to_string(high) + " as its 'high'";
}

// Each of the sequences that it looks for needs an index. They lie in one list, those of one item first.
std::optional<std::string> too_few_indexes(const graph::Node& node) {
  const graph::Attribute* starts = node.attribute("ngram_counts");
  const graph::Attribute* indexes = node.attribute("ngram_indexes");
  const graph::Attribute* numbers = node.attribute("pool_int64s");
  const graph::Attribute* texts = node.attribute("pool_strings");
  if (starts == nullptr || indexes == nullptr || (numbers == nullptr && texts == nullptr)) return std::nullopt;
  const auto items = static_cast<std::int64_t>(texts != nullptr ? texts->texts : numbers->integers.size());
  std::int64_t sequences = 0;
  for (std::size_t i = 0; i < starts->integers.size(); ++i) {
    const std::int64_t end = i + 1 < starts->integers.size() ? starts->integers[i + 1] : items;
    const std::int64_t start = starts->integers[i];
    if (start < 0 || end < start || end > items) return std::nullopt;  // which is looked at
    sequences += (end - start) / static_cast<std::int64_t>(i + 1);
  }
  if (sequences <= static_cast<std::int64_t>(indexes->integers.size())) return std::nullopt;
  return "has " + std::to_string(indexes->integers.size()) + " numbers as its 'ngram_indexes', and takes " +
         std::to_string(sequences);
}

// More outputs than it makes parts.
std::optional<std::string> too_many_outputs(const graph::Node& node) {
  const graph::Attribute* parts = node.attribute("num_outputs");
  if (parts == nullptr || parts->integer.value_or(0) >= static_cast<std::int64_t>(node.outputs.size()))
    return std::nullopt;
  return "has " + std::to_string(node.outputs.size()) + " outputs, and " + std::to_string(parts->integer.value_or(0)) +
         " as its 'num_outputs'";
}

}  // namespace

std::optional<std::string> find_wrong_attribute(const graph::Node& node) {
  for (const Bound& bound : kBounds) {
    if (bound.domain != node.domain || (bound.op != kAny && bound.op != node.op)) continue;
    const graph::Attribute* attribute = node.attribute(bound.attribute);
    if (attribute == nullptr) continue;
    if (auto wrong = beyond(bound, *attribute)) return wrong;
  }
  const bool refers = std::ranges::any_of(node.attributes, [](const auto& one) { return !one.refers_to.empty(); });
  if (!node.domain.empty() || refers) return std::nullopt;
  if (std::ranges::find(kPools, node.op) != std::end(kPools)) {
    const graph::Attribute* kernel = node.attribute("kernel_shape");
    return kernel == nullptr ? std::nullopt : too_large_a_kernel(*kernel);
  }
  if (node.op.starts_with("RandomNormal") || node.op.starts_with("RandomUniform")) return wrong_distribution(node);
  if (node.op == "TfIdfVectorizer") return too_few_indexes(node);
  return node.op == "Split" ? too_many_outputs(node) : std::nullopt;
}

}  // namespace tensorlane
