#include <algorithm>
#include <array>
#include <iterator>
#include <map>
#include <string_view>

#include "onnx/rows/rules.h"

namespace tensorlane::rows {
namespace {

constexpr const char* kContracts = "adds up along the batch";
constexpr const char* kOthers = "takes a scale or an offset from the rows";

// The two matrices of an operator of the family, the others are scales and offsets.
std::array<std::size_t, 2> operands_of(const Step& step) {
  return step.node().op == "QLinearMatMul" ? std::array<std::size_t, 2>{0, 3} : std::array<std::size_t, 2>{0, 1};
}

// A zero point or a scale may be one for each row of a matrix; of the left one and of the result, that would be the batch's rows.
bool is_per_row(const Step& step) {
  const bool linear = step.node().op == "QLinearMatMul";
  for (const std::size_t i : linear ? std::vector<std::size_t>{1, 2, 6, 7} : std::vector<std::size_t>{2}) {
    const Fact* input = step.node().op == "MatMul" ? nullptr : step.input(i);
    if (input == nullptr) continue;
    const bool is_one =
        input->shape.has_value() && std::ranges::all_of(*input->shape, [](const Size& size) { return size.is(1); });
    if (!is_one) return true;
  }
  return false;
}

// Of the axes before the last two: the rows of one, or of both in the same place.
Sizes batch_shape(const Sizes& a, const Sizes& b, Symbols& symbols) {
  const std::size_t more = std::max(a.size(), b.size()) - 2;
  Sizes shape;
  for (std::size_t i = 0; i < more; ++i) {
    const std::size_t from_end = more + 2 - i;
    const Size x = from_end <= a.size() ? a[a.size() - from_end] : Size(1);
    const Size y = from_end <= b.size() ? b[b.size() - from_end] : Size(1);
    shape.push_back(x == y || y.is(1) ? x : x.is(1) ? y : x.is_number() ? x : y.is_number() ? y : symbols.fresh());
  }
  return shape;
}

}  // namespace

// numpy.matmul: [..., m, k] times [..., k, n].
void matmul(Step& step) {
  const auto [left, right] = operands_of(step);
  if (step.input(left) == nullptr || step.input(right) == nullptr) return step.doubts("lacks an operand");
  const Fact& a = *step.input(left);
  const Fact& b = *step.input(right);
  if (!step.others_shared({left, right})) return step.doubts(kOthers);
  if ((a.is_rows() || b.is_rows()) && is_per_row(step)) return step.doubts("has a zero point for each row");
  if (counts_rows(a) || counts_rows(b)) return step.mixes("computes with the number of rows");
  if (!a.shape.has_value() || !b.shape.has_value()) {
    if (a.is(Kind::Shared) && b.is(Kind::Shared)) return step.set_all(Fact::shared());
    return step.doubts(kUnknownRank);
  }
  const std::size_t a_rank = a.shape->size();
  const std::size_t b_rank = b.shape->size();
  if (a_rank == 0 || b_rank == 0) return step.doubts("multiplies a scalar");
  if ((a.is_rows() && a.axis == a_rank - 1) || (b.is_rows() && b.axis + (b_rank == 1 ? 1 : 2) == b_rank)) {
    return step.mixes(kContracts);
  }
  // A vector is a matrix of one row, or of one column, which the result does not have.
  Sizes a_shape = *a.shape;
  Sizes b_shape = *b.shape;
  if (a_rank == 1) a_shape.insert(a_shape.begin(), Size(1));
  if (b_rank == 1) b_shape.emplace_back(1);
  Sizes shape = batch_shape(a_shape, b_shape, step.symbols());
  const std::size_t rank = shape.size() + 2;
  // In the result, or none for one of the two that are dropped.
  const auto place = [&](const Fact& x, const Sizes& own) { return x.axis + rank - own.size(); };
  const bool a_in_matrix = a.is_rows() && a.axis + 2 == a_rank;
  const bool b_in_matrix = b.is_rows() && b.axis + 1 == b_rank;
  if (a.is_rows() && b.is_rows()) {
    const bool alike = !a_in_matrix && !b_in_matrix && place(a, a_shape) == place(b, b_shape) && a.outer == b.outer &&
                       a.inner == b.inner;
    if (!alike) return step.mixes("multiplies rows with other rows");
  }
  const Fact* rows = a.is_rows() ? &a : b.is_rows() ? &b : nullptr;
  std::size_t axis = rows == nullptr ? 0 : rows == &a ? place(a, a_shape) : place(b, b_shape);
  if (rows != nullptr && !a_in_matrix && !b_in_matrix) {
    const Fact& other = rows == &a ? b : a;
    const Sizes& other_shape = rows == &a ? b_shape : a_shape;
    const std::size_t missing = rank - other_shape.size();
    if (other.is(Kind::Shared) && axis >= missing && !other_shape[axis - missing].is(1)) {
      return step.mixes("multiplies each row with another matrix");
    }
    shape[axis] = (*rows->shape)[rows->axis];
  }
  if (a_rank > 1) shape.push_back(a_shape[a_shape.size() - 2]);
  if (b_rank > 1) shape.push_back(b_shape.back());
  if (b_in_matrix && a_rank == 1) --axis;
  if (rows == nullptr) return step.set_all(Fact::shared(std::move(shape)));
  step.set_all(Fact::rows(*rows, axis, std::move(shape)));
}

// a, transposed or not, times b, plus c broadcast.
void gemm(Step& step) {
  const Fact& a = *step.input(0);
  const Fact& b = *step.input(1);
  if (counts_rows(a) || counts_rows(b)) return step.mixes("computes with the number of rows");
  const bool turns_a = step.integer("transA", 0) != 0;
  const bool turns_b = step.integer("transB", 0) != 0;
  if (a.is_rows() && a.axis != (turns_a ? 1U : 0U)) return step.mixes(kContracts);
  if (b.is_rows() && b.axis != (turns_b ? 0U : 1U)) return step.mixes(kContracts);
  if (a.is_rows() && b.is_rows()) return step.mixes("multiplies rows with other rows");
  const auto size = [&](const Fact& x, std::size_t axis) {
    return x.rank() == std::size_t{2} ? (*x.shape)[axis] : step.symbols().fresh();
  };
  Sizes shape{size(a, turns_a ? 1 : 0), size(b, turns_b ? 0 : 1)};
  Fact result = a.is_rows()   ? Fact::rows(a, 0, std::move(shape))
                : b.is_rows() ? Fact::rows(b, 1, std::move(shape))
                              : Fact::shared(std::move(shape));
  if (step.input(2) == nullptr) return step.set_all(result);
  const std::array<const Fact*, 2> operands{&result, step.input(2)};
  const Fact sum = broadcast(step, operands);
  if (sum.is_rows() && sum.rank() != std::size_t{2}) return step.doubts("adds a value of another rank");
  step.set_all(sum);
}

// An equation of Einsum with a letter for each axis.
struct Equation {
  std::vector<std::string> terms;
  std::string result;
};

constexpr std::string_view kDots = "...";

// The axes that dots stand for get letters that no equation has, the last one of all operands the same. False where there are dots twice,
// or more letters than axes.
bool spell_dots(std::string& term, std::size_t rank, std::size_t& most) {
  const std::size_t at = term.find(kDots);
  if (at == std::string::npos) return true;
  const std::size_t letters = term.size() - kDots.size();
  if (term.find('.', at + kDots.size()) != std::string::npos || letters > rank) return false;
  std::string axes;
  for (std::size_t left = rank - letters; left > 0; --left) axes += static_cast<char>('0' + left);
  most = std::max(most, rank - letters);
  term.replace(at, kDots.size(), axes);
  return true;
}

// Without a result it is the letters that are there once, in their order, behind the dots. None for what is left to a trial: an operand of
// unknown rank, capitals that ONNX Runtime and numpy put in another order, mistakes.
std::optional<Equation> equation_of(const Step& step) {
  const graph::Attribute* attribute = step.attribute("equation");
  std::string text = attribute == nullptr ? "" : attribute->text;
  std::erase(text, ' ');
  const std::size_t arrow = text.find("->");
  Equation equation{{""}, ""};
  for (const char letter : text.substr(0, arrow)) {
    if (letter == ',') {
      equation.terms.emplace_back();
    } else {
      equation.terms.back() += letter;
    }
  }
  if (equation.terms.size() != step.inputs()) return std::nullopt;
  std::string letters;
  std::size_t most = 0;
  for (std::size_t i = 0; i < step.inputs(); ++i) {
    const Fact* operand = step.input(i);
    std::string& term = equation.terms[i];
    if (operand == nullptr || !operand->rank().has_value() || *operand->rank() > 9) return std::nullopt;
    std::ranges::copy_if(term, std::back_inserter(letters), [](char letter) { return letter != '.'; });
    if (!spell_dots(term, *operand->rank(), most) || term.size() != *operand->rank()) return std::nullopt;
  }
  if (arrow != std::string::npos) {
    equation.result = text.substr(arrow + 2);
    const std::size_t own = equation.result.size() - (equation.result.find(kDots) == std::string::npos ? 0 : 3);
    return spell_dots(equation.result, own + most, most) ? std::optional(equation) : std::nullopt;
  }
  if (std::ranges::any_of(letters, [](char letter) { return letter < 'a'; })) return std::nullopt;
  for (std::size_t left = most; left > 0; --left) equation.result += static_cast<char>('0' + left);
  for (char letter = 'a'; letter <= 'z'; ++letter) {
    if (std::ranges::count(letters, letter) == 1) equation.result += letter;
  }
  return equation;
}

// Each axis has a letter: the rows' must be one that stays, in all operands that are not the same for all rows, and in no other.
void einsum(Step& step) {
  const auto equation = equation_of(step);
  if (!equation.has_value()) return step.doubts("has an equation that is not read, or an operand of unknown rank");
  const auto& [terms, result] = *equation;
  std::map<char, Size> sizes;
  std::optional<char> along;
  const Fact* rows = nullptr;
  for (std::size_t i = 0; i < terms.size(); ++i) {
    const Fact* operand = step.input(i);
    if (counts_rows(*operand)) return step.mixes("computes with the number of rows");
    for (std::size_t axis = 0; axis < terms[i].size(); ++axis) {
      const auto [at, added] = sizes.try_emplace(terms[i][axis], (*operand->shape)[axis]);
      if (!added && at->second.is(1)) at->second = (*operand->shape)[axis];
    }
    if (!operand->is_rows()) continue;
    const char letter = terms[i][operand->axis];
    const bool alike =
        rows == nullptr || (letter == *along && operand->outer == rows->outer && operand->inner == rows->inner);
    if (!alike || std::ranges::count(terms[i], letter) != 1) return step.mixes("multiplies rows with other rows");
    along = letter;
    rows = operand;
  }
  Sizes shape;
  for (const char letter : result) {
    if (!sizes.contains(letter)) return step.doubts("has a result with an axis of no operand");
    shape.push_back(sizes.at(letter));
  }
  if (rows == nullptr) return step.set_all(Fact::shared(std::move(shape)));
  for (std::size_t i = 0; i < terms.size(); ++i) {
    if (step.input(i)->is_rows()) continue;
    const std::size_t at = terms[i].find(*along);
    if (at != std::string::npos && !(*step.input(i)->shape)[at].is(1))
      return step.mixes("multiplies each row with another part of a constant");
  }
  const std::size_t axis = result.find(*along);
  if (axis == std::string::npos) return step.mixes(kContracts);
  shape[axis] = (*rows->shape)[rows->axis];
  step.set_all(Fact::rows(*rows, axis, std::move(shape)));
}

// RNN, GRU, LSTM: x, weights, weights, bias, lengths, initial states. By default time comes first: [time, batch, features].
void recurrent(Step& step) {
  const bool batch_first = step.integer("layout", 0) != 0;
  const Fact& x = *step.input(0);
  const std::size_t x_axis = batch_first ? 0 : 1;
  const std::size_t state_axis = batch_first ? 0 : 1;
  const std::size_t y_axis = batch_first ? 0 : 2;
  constexpr std::size_t kLengths = 4;
  constexpr std::size_t kHidden = 5;
  constexpr std::size_t kCell = 6;
  if (!step.others_shared({0, kLengths, kHidden, kCell})) return step.doubts("takes its weights from the rows");
  if (!x.is_rows() || x.axis != x_axis) return step.mixes("goes along the batch as along time");
  const auto follows = [&](std::size_t i, std::size_t axis) {
    const Fact* input = step.input(i);
    return input == nullptr ||
           (input->is_rows() && input->axis == axis && input->outer == x.outer && input->inner == x.inner);
  };
  if (!follows(kLengths, 0) || !follows(kHidden, state_axis) || !follows(kCell, state_axis)) {
    return step.mixes("takes lengths or states that are not of the rows");
  }
  const auto size = [&](std::size_t axis) {
    return x.rank() == std::size_t{3} ? (*x.shape)[axis] : step.symbols().fresh();
  };
  const Size rows = size(x_axis);
  const Size time = size(batch_first ? 1 : 0);
  const graph::Attribute* direction = step.attribute("direction");
  const Size directions = direction != nullptr && direction->text == "bidirectional" ? 2 : 1;
  const std::int64_t hidden_size = step.integer("hidden_size", -1);
  const Size hidden = hidden_size > 0 ? Size(hidden_size) : step.symbols().fresh();
  step.set(0, Fact::rows(x, y_axis,
                         batch_first ? Sizes{rows, time, directions, hidden} : Sizes{time, directions, rows, hidden}));
  const Sizes state = batch_first ? Sizes{rows, directions, hidden} : Sizes{directions, rows, hidden};
  for (std::size_t i = 1; i < step.outputs().size(); ++i) step.set(i, Fact::rows(x, state_axis, state));
}

}  // namespace tensorlane::rows
