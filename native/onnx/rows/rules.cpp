#include "onnx/rows/rules.h"

#include <algorithm>
#include <array>
#include <string_view>
#include <unordered_map>

namespace tensorlane::rows {
namespace {

struct Group {
  Apply apply;
  std::size_t inputs;          // without which the rule has nothing to go by
  std::string_view operators;  // separated by spaces
};

// ONNX's own operators.
constexpr std::array kOnnx{
    Group{same, 1, "Identity Cast"},
    Group{cast_like, 1, "CastLike"},
    Group{
        elementwise, 1,
        "Abs Acos Acosh Add And Asin Asinh Atan Atanh BitShift BitwiseAnd BitwiseNot BitwiseOr BitwiseXor Ceil Celu "
        "Clip Cos "
        "Cosh Div Elu Equal Erf Exp Floor Gelu Greater GreaterOrEqual HardSigmoid HardSwish IsInf IsNaN LeakyRelu Less "
        "LessOrEqual Log Max Mean Min Mish Mod Mul Neg Not Or PRelu Pow Reciprocal Relu Round Selu Shrink Sigmoid Sign "
        "Sin Sinh Softplus Softsign Sqrt Sub Sum Swish Tan Tanh ThresholdedRelu Where Xor"},
    Group{quantize, 1, "QuantizeLinear DequantizeLinear"},
    Group{dropout, 1, "Dropout"},
    Group{reduce, 1,
          "ReduceL1 ReduceL2 ReduceLogSum ReduceLogSumExp ReduceMax ReduceMean ReduceMin ReduceProd ReduceSum "
          "ReduceSumSquare"},
    Group{reduce_one, 1, "ArgMax ArgMin"},
    Group{softmax, 1, "Softmax LogSoftmax Hardmax"},
    Group{last_axes, 1, "LayerNormalization RMSNormalization"},
    Group{one_axis, 1, "LpNormalization"},
    Group{cumulate, 1, "CumSum"},
    Group{top_k, 1, "TopK"},
    Group{mean_variance, 1, "MeanVarianceNormalization"},
    Group{reverse, 1, "ReverseSequence"},
    Group{triangle, 1, "Trilu"},
    Group{transpose, 1, "Transpose"},
    Group{reshape, 1, "Reshape"},
    Group{flatten, 1, "Flatten"},
    Group{squeeze, 1, "Squeeze"},
    Group{unsqueeze, 1, "Unsqueeze"},
    Group{concat, 1, "Concat"},
    Group{split, 1, "Split"},
    Group{slice, 1, "Slice"},
    Group{pad, 1, "Pad"},
    Group{tile, 1, "Tile"},
    Group{expand, 1, "Expand"},
    Group{gather, 2, "Gather"},
    Group{gather_elements, 2, "GatherElements"},
    Group{scatter_elements, 3, "ScatterElements"},
    Group{gather_nd, 2, "GatherND"},
    Group{one_hot, 1, "OneHot"},
    Group{shape_of, 1, "Shape"},
    Group{size_of, 1, "Size"},
    Group{constant, 0, "Constant"},
    Group{constant_of_shape, 1, "ConstantOfShape"},
    Group{range, 1, "Range"},
    Group{matmul, 2, "MatMul MatMulInteger QLinearMatMul"},
    Group{gemm, 2, "Gemm"},
    Group{einsum, 0, "Einsum"},
    Group{recurrent, 1, "RNN GRU LSTM"},
    Group{convolution, 1, "Conv ConvInteger ConvTranspose QLinearConv"},
    Group{pooling, 1, "AveragePool MaxPool LpPool"},
    Group{global_pooling, 1, "GlobalAveragePool GlobalMaxPool GlobalLpPool"},
    Group{pictures, 1, "DepthToSpace SpaceToDepth GridSample"},
    Group{same_pictures, 1, "InstanceNormalization GroupNormalization LRN"},
    Group{batch_normalization, 1, "BatchNormalization"},
    Group{resize, 1, "Resize Upsample"},
    Group{mixing, 0,
          "Compress DynamicQuantizeLinear EyeLike MaxRoiPool MaxUnpool NegativeLogLikelihoodLoss NonMaxSuppression "
          "NonZero "
          "RoiAlign ScatterND SoftmaxCrossEntropyLoss StringNormalizer StringSplit Unique"},
    Group{attention, 1, "Attention RotaryEmbedding"},
    Group{random, 0, "Bernoulli Multinomial RandomNormal RandomNormalLike RandomUniform RandomUniformLike"},
};

// Classical models: ai.onnx.ml.
constexpr std::array kClassical{
    Group{elementwise, 1, "Binarizer LabelEncoder"},
    Group{leading_axis, 1,
          "Imputer LinearClassifier LinearRegressor Normalizer Scaler SVMClassifier SVMRegressor TreeEnsemble "
          "TreeEnsembleClassifier TreeEnsembleRegressor"},
};

// What ONNX Runtime adds: com.microsoft.
constexpr std::array kMicrosoft{
    Group{elementwise, 1, "BiasGelu FastGelu Gelu QuickGelu"},
    Group{last_axes, 1, "SkipLayerNormalization SimplifiedLayerNormalization SkipSimplifiedLayerNormalization"},
    Group{quantize, 1, "QuantizeLinear DequantizeLinear"},
    Group{
        attention, 1,
        "Attention DecoderMaskedMultiHeadAttention DecoderMaskedSelfAttention GroupQueryAttention LongformerAttention "
        "MultiHeadAttention QAttention RotaryEmbedding SparseAttention"},
    // Those for text give all rows the size of the longest, or go on until all have ended.
    Group{
        mixing, 0,
        "BeamSearch BifurcationDetector CropAndResize DynamicQuantizeLSTM DynamicQuantizeMatMul DynamicTimeWarping "
        "GreedySearch PackedAttention PackedMultiHeadAttention RemovePadding RestorePadding Sampling Tokenizer Unique "
        "WhisperBeamSearch"},
};

using Table = std::unordered_map<std::string_view, Rule>;

template <std::size_t N>
Table table_of(const std::array<Group, N>& groups) {
  Table table;
  for (const Group& group : groups) {
    std::string_view rest = group.operators;
    while (!rest.empty()) {
      const std::size_t end = std::min(rest.find(' '), rest.size());
      table.emplace(rest.substr(0, end), Rule{group.apply, group.inputs});
      rest.remove_prefix(std::min(end + 1, rest.size()));
    }
  }
  return table;
}

}  // namespace

const Rule* find_rule(std::string_view domain, std::string_view op) {
  static const Table onnx = table_of(kOnnx);
  static const Table classical = table_of(kClassical);
  static const Table microsoft = table_of(kMicrosoft);
  static const Table none;
  const Table& table = domain.empty()                ? onnx
                       : domain == "ai.onnx.ml"      ? classical
                       : domain == graph::kMicrosoft ? microsoft
                                                     : none;
  const auto at = table.find(op);
  return at == table.end() ? nullptr : &at->second;
}

// By what it is: what it gives for a row depends on the others, or how many it gives depends on what is in them.
void mixing(Step& step) { step.mixes("looks at all rows together"); }

void random(Step& step) { step.mixes("draws random numbers, for the whole batch in a row"); }

// What it does along the leading axis hangs on its kind, on masks and on what it keeps of before: a trial has to show it. Along the others it
// is there to look at all positions.
void attention(Step& step) {
  for (std::size_t i = 0; i < step.inputs(); ++i) {
    const Fact* fact = step.input(i);
    if (fact == nullptr || !fact->is_rows()) continue;
    if (fact->axis != 0) return step.mixes("looks at all positions together, which the rows are here");
  }
  if (step.others_shared({})) return step.set_all(Fact::shared());
  step.doubts("treats rows in a way that its graph does not say");
  for (Fact& output : step.outputs()) output.supposed = 0;
}

void leading_axis(Step& step) {
  const Fact& x = *step.input(0);
  if (!step.others_shared({0})) return step.doubts("takes its numbers from the rows");
  if (!x.is_rows()) return step.set_all(Fact::shared());
  if (x.axis != 0 || x.rank() != std::size_t{2})
    return step.doubts("takes rows that do not lie along the leading of two axes");
  const auto is_plain = x.outer.is(1) && x.inner.is(1);
  if (!is_plain) return step.doubts("takes rows of several parts");
  for (std::size_t i = 0; i < step.outputs().size(); ++i) step.set(i, Fact::rows(x, 0, std::nullopt));
}

}  // namespace tensorlane::rows
