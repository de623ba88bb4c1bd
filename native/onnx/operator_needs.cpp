#include "onnx/operator_needs.h"

#include <algorithm>
#include <iterator>
#include <map>
#include <string_view>
#include <utility>

#include "core/error.h"

namespace tensorlane {
namespace {

constexpr std::string_view kMicrosoft = "com.microsoft";
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
    // A kernel of size 0 divides by zero, or never ends.
    const std::vector<Need> convolution{at_least(3), at_least(3, kSpatial)};
    const std::vector<Need> quantized_convolution{at_least(3), {}, {}, at_least(3)};
    std::vector<Need> attention_lstm = recurrent;
    for (const std::size_t rank : {3, 3, 2, 3, 1, 3}) attention_lstm.push_back(exactly(rank));
    return Table{
        {{"", "RNN"}, recurrent},
        {{"", "GRU"}, recurrent},
        {{"", "LSTM"}, recurrent},
        {{"", "Conv"}, convolution},
        {{"", "ConvInteger"}, convolution},
        {{"", "ConvTranspose"}, {{}, {.sizes = 1}}},
        {{"", "QLinearConv"}, quantized_convolution},
        {{"", "MaxRoiPool"}, {exactly(4), exactly(2)}},
        {{"", "RoiAlign"}, {exactly(4), exactly(2), exactly(1)}},
        {{"", "GridSample"}, {at_least(3), at_least(3)}},
        {{"", "AffineGrid"}, {exactly(3), exactly(1)}},
        {{"", "ReverseSequence"}, {at_least(2), exactly(1)}},
        {{"", "STFT"}, {at_least(2)}},
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
         {exactly(3), exactly(2), exactly(1), between(1, 4), exactly(5), exactly(4), between(0, 1)}},
        {{kMicrosoft, "QAttention"},
         {exactly(3, 1), exactly(2), exactly(1), kElements, kElements, exactly(1), kElements, kElements, exactly(5)}},
        {{kMicrosoft, "MultiHeadAttention"},
         {{3, 5, 1U << 2U},
          between(3, 5),
          between(3, 4),
          exactly(1),
          between(1, 3),
          exactly(4),
          exactly(4),
          exactly(4)}},
        {{kMicrosoft, "LinearAttention"},
         {exactly(3, 1U << 2U), exactly(3), exactly(3), between(4, 5), exactly(3), exactly(3)}},
        {{kMicrosoft, "EmbedLayerNormalization"},
         {exactly(2), exactly(2), exactly(2), exactly(2), exactly(2), exactly(1), exactly(1), exactly(2), exactly(2)}},
        {{kMicrosoft, "AttnLSTM"}, attention_lstm},
        {{kMicrosoft, "DynamicQuantizeLSTM"}, recurrent},
        {{kMicrosoft, "DynamicQuantizeMatMul"}, {at_least(1), at_least(1), kElements, kElements}},
        {{kMicrosoft, "MatMulIntegerToFloat"}, {at_least(1), at_least(1), kElements, kElements, kElements, kElements}},
        {{kMicrosoft, "QLinearSoftmax"}, {at_least(1), kElements, kElements, kElements, kElements}},
        {{kMicrosoft, "Inverse"}, {at_least(2)}},
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

bool is_set(const graph::Node& node, std::string_view name) {
  const graph::Attribute* attribute = node.attribute(name);
  return attribute != nullptr && attribute->integer.value_or(0) != 0;
}

bool is_microsofts(const graph::Node& node, std::string_view op) { return node.domain == kMicrosoft && node.op == op; }

// Where the scales of these are: of the whole matrix, or of each of its columns.
std::vector<std::size_t> scales_of(const graph::Node& node) {
  if (is_microsofts(node, "DynamicQuantizeMatMul")) return {2};
  if (is_microsofts(node, "MatMulIntegerToFloat")) return {2, 3};
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

}  // namespace

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
  if (is_microsofts(node, "QLinearConcat")) {  // a scale and a zero point, and after each value as well
    std::vector<Need> needs(inputs.size(), kElements);
    need_one_rank(inputs, 2, 3, needs);
    return needs;
  }
  const auto found = table().find({node.domain, node.op});
  return found == table().end() ? std::vector<Need>{} : found->second;
}

bool needs_elements(const graph::Node& node) {
  if (node.domain == kMicrosoft) {
    if (node.op == "AttnLSTM" || node.op == "DynamicQuantizeLSTM") return true;
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

bool has_sizes_to_fit(const graph::Node& node) { return is_microsofts(node, "Inverse") || !scales_of(node).empty(); }

std::optional<std::string> find_misfit(const graph::Node& node, Facts inputs) {
  if (is_microsofts(node, "Inverse") && !inputs.empty()) {
    const auto m = size_of(inputs[0], 2);
    const auto n = size_of(inputs[0], 1);
    if (m.has_value() && n.has_value() && *m != *n) {
      return "matrices of " + std::to_string(*m) + " x " + std::to_string(*n) + ", and takes square ones";
    }
  }
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

namespace {

// An input that a node may leave out, and that is read all the same.
struct Read {
  std::string_view op;
  std::size_t input;
  bool needs_value;  // or only its name, which may be ''
};
constexpr Read kRead[] = {
    {"QLinearSigmoid", 4, false}, {"QLinearLeakyRelu", 4, false}, {"ConvTransposeWithDynamicPads", 2, true}};

void require_loadable(const std::vector<graph::Node>& nodes) {
  for (const graph::Node& node : nodes) {
    for (const Read& read : kRead) {
      if (!is_microsofts(node, read.op)) continue;
      const bool has_name = node.inputs.size() > read.input;
      if (has_name && !(read.needs_value && node.inputs[read.input].empty())) continue;
      throw Error(Code::Model, "the model's node " + node.op + " '" + node.name + "' leaves out its input " +
                                   std::to_string(read.input) + ", for which ONNX Runtime would end the process" +
                                   (read.needs_value ? "" : ": '' as its name would do"));
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
