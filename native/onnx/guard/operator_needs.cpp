#include "onnx/guard/operator_needs.h"

#include <algorithm>
#include <iterator>
#include <map>
#include <string_view>
#include <utility>

#include "core/error.h"
#include "onnx/guard/attribute_needs.h"

namespace tensorlane {
namespace {

using graph::kMicrosoft;

constexpr std::uint32_t kAll = ~0U;
constexpr std::uint32_t kSpatial = kAll << 2U;  // all but the first two

Need exactly(std::size_t rank, std::uint32_t sizes = 0) { return {rank, rank, sizes}; }
Need at_least(std::size_t rank, std::uint32_t sizes = 0) { return {.least = rank, .sizes = sizes}; }
Need between(std::size_t least, std::size_t most) { return {least, most, 0}; }
// The first element is read.
constexpr Need kElements{.sizes = kAll};

// By domain and operator.
using Table = std::map<std::pair<std::string_view, std::string_view>, std::vector<Need>>;

const Table& table() {
  static const Table all = [] {
    const std::vector<Need> recurrent{exactly(3), exactly(3), exactly(3), exactly(2),
                                      exactly(1), exactly(3), exactly(3), exactly(2)};
    // A kernel of size 0 divides by zero, or never ends; no channels do, too.
    const std::vector<Need> convolution{at_least(3), at_least(3, kAll << 1U)};
    const std::vector<Need> quantized_convolution{at_least(3), {}, {}, at_least(3, kAll)};
    std::vector<Need> attention_lstm = recurrent;
    for (const std::size_t rank : {3, 3, 2, 3, 1, 3}) attention_lstm.push_back(exactly(rank));
    return Table{
        {{"", "RNN"}, recurrent},
        {{"", "GRU"}, recurrent},
        {{"", "LSTM"}, recurrent},
        {{"", "Conv"}, convolution},
        {{"", "ConvInteger"}, convolution},
        {{"", "ConvTranspose"}, {{.sizes = kSpatial}, {.sizes = 1}}},
        {{"", "QLinearConv"}, quantized_convolution},
        {{"", "MaxRoiPool"}, {exactly(4), exactly(2)}},
        {{"", "RoiAlign"}, {exactly(4), exactly(2), exactly(1)}},
        {{"", "GridSample"}, {at_least(3), at_least(3)}},
        {{"", "AffineGrid"}, {exactly(3), exactly(1)}},
        {{"", "ReverseSequence"}, {at_least(2), exactly(1)}},
        {{"", "STFT"}, {at_least(2), kElements, exactly(1, kAll), kElements}},
        {{"", "Resize"}, {{}, {}, exactly(1)}},  // after the version that takes scales as its second input
        {{"", "OneHot"}, {{}, kElements}},
        {{"", "SequenceAt"}, {{}, kElements}},
        {{"", "SequenceErase"}, {{}, kElements}},
        {{"", "SequenceInsert"}, {{}, {}, kElements}},
        {{"", "DFT"}, {at_least(2)}},
        {{"", "Multinomial"}, {exactly(2)}},
        {{"", "Dropout"}, {{}, {}, kElements}},
        {{"", "Attention"}, {between(3, 4), between(3, 4), between(3, 4), {}, exactly(4), exactly(4)}},
        {{kMicrosoft, "FusedConv"}, convolution},
        {{kMicrosoft, "QLinearConv"}, quantized_convolution},
        {{kMicrosoft, "ConvTransposeWithDynamicPads"}, {at_least(3), at_least(3, 1), exactly(1)}},
        {{kMicrosoft, "GridSample"}, {exactly(4), exactly(4)}},
        {{kMicrosoft, "CropAndResize"}, {exactly(4), exactly(2), exactly(1), exactly(1)}},
        {{kMicrosoft, "Attention"},
         {exactly(3), exactly(2, kAll), exactly(1), between(1, 4), exactly(5), exactly(4), between(0, 1)}},
        {{kMicrosoft, "QAttention"},
         {exactly(3, 1), exactly(2), exactly(1), kElements, kElements, exactly(1), kElements, kElements, exactly(5)}},
        {{kMicrosoft, "MultiHeadAttention"},
         {{3, 5, 1U << 2U},
          between(3, 5),
          {3, 4, 1U << 2U},
          exactly(1),
          between(1, 3),
          exactly(4),
          exactly(4),
          exactly(4)}},
        {{kMicrosoft, "LinearAttention"},
         {exactly(3, 1U << 2U), exactly(3, 1U << 2U), exactly(3, 1U << 2U), between(4, 5), exactly(3), exactly(3)}},
        {{kMicrosoft, "EmbedLayerNormalization"},
         {exactly(2), exactly(2), exactly(2), exactly(2), exactly(2), exactly(1), exactly(1), exactly(2), exactly(2)}},
        {{kMicrosoft, "AttnLSTM"}, attention_lstm},
        {{kMicrosoft, "DynamicQuantizeLSTM"}, recurrent},
        {{kMicrosoft, "DynamicQuantizeMatMul"}, {at_least(1), at_least(1), kElements, kElements}},
        {{kMicrosoft, "MatMulIntegerToFloat"}, {at_least(1), at_least(1), kElements, kElements, kElements, kElements}},
        {{kMicrosoft, "QLinearSoftmax"}, {at_least(1), kElements, kElements, kElements, kElements}},
        {{kMicrosoft, "Inverse"}, {at_least(2)}},
        {{kMicrosoft, "DecoderMaskedMultiHeadAttention"}, {{.sizes = 1U << 2U}}},
        {{kMicrosoft, "RotaryEmbedding"}, {{.sizes = 1U << 3U}}},
        {{kMicrosoft, "QLinearWhere"}, {{}, {}, kElements, kElements, {}, kElements, kElements, kElements, kElements}},
        {{kMicrosoft, "WordConvEmbedding"}, {{}, kElements}},
        {{kMicrosoft, "MoE"}, {{.sizes = kAll << 1U}}},
        {{kMicrosoft, "QMoE"}, {{.sizes = kAll << 1U}}},
    };
  }();
  return all;
}

// One a term: "ab,...b->a" has two of which the second is open.
std::vector<Need> needs_of_equation(std::string_view equation) {
  std::vector<Need> needs(1);
  std::vector<bool> open(1, false);
  for (const char letter : equation.substr(0, equation.find("->"))) {
    if (letter == ',') {
      needs.emplace_back();
      open.push_back(false);
    } else if (letter == '.') {
      open.back() = true;
    } else if (letter != ' ') {
      ++needs.back().least;
    }
  }
  for (std::size_t i = 0; i < needs.size(); ++i) {
    if (!open[i]) needs[i].most = needs[i].least;
  }
  return needs;
}

// What is joined has one rank: that of the first one whose is known. It is every `step`th input from `first` on.
void need_one_rank(Facts inputs, std::size_t first, std::size_t step, std::vector<Need>& needs) {
  std::optional<std::size_t> rank;
  for (std::size_t i = first; i < inputs.size() && !rank.has_value(); i += step) {
    if (inputs[i] != nullptr) rank = inputs[i]->rank();
  }
  for (std::size_t i = first; i < inputs.size(); i += step) {
    // Where nothing is known of any of them: any rank, which is none that is known.
    needs[i] = rank.has_value() ? exactly(*rank) : at_least(1);
  }
}

// That has this axis.
std::size_t least_rank_of(std::int64_t axis) {
  constexpr std::int64_t kMost = Need::kAnyRank;
  return static_cast<std::size_t>(axis < 0 ? std::min(axis == -axis ? kMost : -axis, kMost)
                                           : std::min(axis, kMost - 1) + 1);
}

bool is_set(const graph::Node& node, std::string_view name) {
  const graph::Attribute* attribute = node.attribute(name);
  return attribute != nullptr && attribute->integer.value_or(0) != 0;
}

}  // namespace

bool has_size_0(const rows::Fact* fact) {
  return fact != nullptr && fact->shape.has_value() &&
         std::ranges::any_of(*fact->shape, [](const rows::Size& size) { return size.is(0); });
}

std::vector<Need> needs_of(const graph::Node& node, Facts inputs) {
  if (node.domain.empty() && node.op == "Einsum") {
    const graph::Attribute* equation = node.attribute("equation");
    return equation == nullptr ? std::vector<Need>{} : needs_of_equation(equation->text);
  }
  if (node.domain.empty() && node.op == "Concat") {
    std::vector<Need> needs(inputs.size());
    need_one_rank(inputs, 0, 1, needs);
    return needs;
  }
  if (node.is(kMicrosoft, "QLinearConcat")) {  // a scale and a zero point, and after each value as well
    std::vector<Need> needs(inputs.size(), kElements);
    need_one_rank(inputs, 2, 3, needs);
    return needs;
  }
  if (node.domain.empty() && (node.op == "LayerNormalization" || node.op == "RMSNormalization")) {
    const graph::Attribute* axis = node.attribute("axis");
    return {at_least(least_rank_of(axis == nullptr ? -1 : axis->integer.value_or(-1)))};
  }
  if (node.is(kMicrosoft, "SkipLayerNormalization") || node.is(kMicrosoft, "SkipSimplifiedLayerNormalization")) {
    // What is added is repeated as often as it fits, which it does where there is nothing.
    const bool of_nothing = !inputs.empty() && has_size_0(inputs[0]);
    return of_nothing ? std::vector<Need>{} : std::vector<Need>{{}, kElements};
  }
  const auto found = table().find({node.domain, node.op});
  if (found == table().end()) return {};
  std::vector<Need> needs = found->second;
  if (node.domain.empty() && node.op == "Resize" && inputs.size() == 2) needs = {{}, exactly(1)};
  return needs;
}

std::optional<std::string> find_not_held(const graph::Node& node,
                                         const std::function<bool(const std::string&)>& is_held) {
  if (!node.is(kMicrosoft, "QLinearWhere") || node.inputs.size() < 9) return std::nullopt;
  // Tables are read that are made only where all of these are held.
  const auto held = [&](std::size_t i) { return is_held(node.inputs[i]); };
  if (!held(7) || !held(8)) return std::nullopt;
  for (const std::size_t i : {2, 3, 5, 6}) {
    if (!held(i)) return "takes '" + node.inputs[7] + "' as the model holds it, but not '" + node.inputs[i] + "'";
  }
  return std::nullopt;
}

bool needs_elements(const graph::Node& node) {
  if (node.domain == kMicrosoft) {
    constexpr std::string_view kSome[] = {"AttnLSTM", "DynamicQuantizeLSTM", "QLinearAdd", "QLinearMul"};
    if (std::ranges::find(kSome, node.op) != std::end(kSome)) return true;
    if (node.op == "QLinearAveragePool") return is_set(node, "channels_last");
    return node.op == "FusedMatMul" && (is_set(node, "transBatchA") || is_set(node, "transBatchB"));
  }
  if (node.domain == "ai.onnx.ml") return node.op == "FeatureVectorizer" && node.inputs.size() > 1;
  if (!node.domain.empty()) return false;
  constexpr std::string_view kAlways[] = {"TopK", "RNN",  "GRU",         "LSTM",    "Einsum", "InstanceNormalization",
                                          "DFT",  "STFT", "Multinomial", "RoiAlign"};
  if (std::ranges::find(kAlways, node.op) != std::end(kAlways)) return true;
  if (node.op == "Unique") return node.attribute("axis") != nullptr;
  return (node.op == "QuantizeLinear" || node.op == "DequantizeLinear") && node.attribute("block_size") != nullptr;
}

namespace {

// An input that a node may leave out, and that is read all the same.
struct Read {
  std::string_view op;
  std::size_t input;
  bool needs_value;  // or only its name, which may be ''
};
constexpr Read kRead[] = {{"QLinearSigmoid", 4, false},
                          {"QLinearLeakyRelu", 4, false},
                          {"ConvTransposeWithDynamicPads", 2, true},
                          {"Attention", 2, true}};
// These read all that they name.
constexpr std::string_view kReadAll[] = {"Concat", "Einsum", "Max", "Mean", "Min", "SequenceConstruct", "Sum"};

[[noreturn]] void refuse_left_out(const graph::Node& node, const std::string& what, std::size_t at,
                                  std::string_view unless = "") {
  throw Error(Code::Model, "the model's node " + node.op + " '" + node.name + "' leaves out its " + what + " " +
                               std::to_string(at) + ", for which ONNX Runtime would end the process" +
                               std::string(unless));
}

// In training, which several outputs mean, the running mean and variance are written whether they are named or not.
void require_written(const graph::Node& node) {
  if (node.outputs.size() < 2) return;
  for (std::size_t output = 1; output < std::min<std::size_t>(node.outputs.size(), 3); ++output) {
    if (node.outputs[output].empty()) refuse_left_out(node, "output", output);
  }
}

void require_loadable(const std::vector<graph::Node>& nodes) {
  for (const graph::Node& node : nodes) {
    for (const Read& read : kRead) {
      if (!node.is(kMicrosoft, read.op)) continue;
      const bool has_name = node.inputs.size() > read.input;
      if (has_name && !(read.needs_value && node.inputs[read.input].empty())) continue;
      refuse_left_out(node, "input", read.input, read.needs_value ? "" : ": '' as its name would do");
    }
    const bool reads_all = node.domain.empty() ? std::ranges::find(kReadAll, node.op) != std::end(kReadAll)
                                               : node.is(kMicrosoft, "QLinearConcat");
    if (reads_all) {
      const auto at = std::ranges::find(node.inputs, "");
      if (at != node.inputs.end()) refuse_left_out(node, "input", static_cast<std::size_t>(at - node.inputs.begin()));
    }
    if (node.is("", "BatchNormalization")) require_written(node);
    if (const auto wrong = find_wrong_attribute(node)) {
      throw Error(Code::Model, "the model's node " + node.op + " '" + node.name + "' " + *wrong +
                                   ": ONNX Runtime would end the process");
    }
    for (const graph::Attribute& attribute : node.attributes) {
      if (attribute.graph != nullptr) require_loadable(attribute.graph->nodes);
    }
  }
}

}  // namespace

void require_loadable(const graph::ModelGraph& model) {
  require_loadable(model.graph.nodes);
  for (const graph::Function& function : model.functions) require_loadable(function.nodes);
}

}  // namespace tensorlane
