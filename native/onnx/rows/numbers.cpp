#include <algorithm>
#include <array>
#include <string_view>

#include "onnx/rows/rules.h"

namespace tensorlane::rows {
namespace {

constexpr const char* kNumbers = "computes with the numbers of the rows";

// Elements come out as they went in.
bool only_moves(std::string_view op) {
  constexpr std::array kMoves{"Identity", "Cast", "Unsqueeze", "Squeeze", "Reshape", "Flatten", "Transpose", "Expand"};
  return std::ranges::find(kMoves, op) != kMoves.end();
}

bool is_integer(std::int64_t type) {
  constexpr std::array kTypes{6, 7, 12, 13};  // TensorProto.DataType: int32, int64, uint32, uint64
  return std::ranges::find(kTypes, type) != kTypes.end();
}

// One more than the largest of integers that are all at least 0.
std::optional<Size> bound_of(const Fact& fact) {
  if (fact.below.has_value()) return fact.below;
  if (!fact.elements.has_value()) return std::nullopt;
  std::int64_t most = 0;
  for (const Size& element : *fact.elements) {
    if (!element.is_number() || element.number() < 0) return std::nullopt;
    most = std::max(most, element.number());
  }
  return Size(most + 1);
}

bool at_most(const Size& a, const Size& b) {
  return a == b || (a.is_number() && b.is_number() && a.number() <= b.number());
}

Fact as_rows(const Fact& numbers) { return Fact::rows(numbers, numbers.axis, numbers.shape); }

// Rows that a rule made of numbers, as numbers again.
Fact as_numbers(Fact rows, const Fact& like) {
  if (!rows.is_rows()) return rows;
  rows.kind = Kind::Numbers;
  rows.stride = like.stride;
  rows.below = like.below;
  rows.leads = like.leads;
  return rows;
}

void move(Step& step, const Fact& numbers) {
  const std::string& op = step.node().op;
  if (op == "Cast" && !is_integer(step.integer("to", 0))) return step.mixes(kNumbers);
  const bool stays = op == "Identity" || op == "Cast";
  if (numbers.leads && !stays) return step.mixes(kNumbers);
  const Fact rows = as_rows(numbers);
  Step moved = step.with(0, rows);
  find_rule("", op)->apply(moved);
  step.set_all(as_numbers(moved.outputs().front(), numbers));
}

// i * stride + an index that all rows share.
void add(Step& step, const Fact& numbers, const Fact& other) {
  const auto bound = other.is(Kind::Shared) ? bound_of(other) : std::nullopt;
  if (!bound.has_value() || numbers.leads || !numbers.below->is(1)) return step.mixes(kNumbers);
  const Fact rows = as_rows(numbers);
  const std::array<const Fact*, 2> operands{&rows, &other};
  Fact sum = as_numbers(broadcast(step, operands), numbers);
  sum.below = bound;
  step.set_all(sum);
}

// i * stride * a number.
void scale(Step& step, const Fact& numbers, const Fact& other) {
  const bool is_size = other.is(Kind::Shared) && other.elements.has_value() && other.elements->size() == 1 &&
                       other.elements->front().batches() == 0;
  if (!is_size || numbers.leads || !numbers.below->is(1)) return step.mixes(kNumbers);
  const Size& by = other.elements->front();
  const auto stride = multiply(numbers.stride, by);
  if (!stride.has_value() || (by.is_number() && by.number() <= 0)) return step.mixes(kNumbers);
  const Fact rows = as_rows(numbers);
  Fact single = other;
  single.elements.reset();
  const std::array<const Fact*, 2> operands{&rows, &single};
  Fact scaled = as_numbers(broadcast(step, operands), numbers);
  scaled.stride = *stride;
  step.set_all(scaled);
}

// The row's number, and then indices of its own, for GatherND.
void lead(Step& step) {
  const Fact* first = step.input(0);
  const bool begins = first != nullptr && first->is(Kind::Numbers) && first->shape.has_value() && !first->leads &&
                      first->stride.is(1) && first->below->is(1);
  if (!begins) return step.mixes(kNumbers);
  const std::size_t last = first->shape->size() - 1;
  const auto axis = from_start(step.integer("axis", 1), first->shape->size());
  if (axis != last || first->axis == last || !first->shape->back().is(1)) return step.mixes(kNumbers);
  for (std::size_t i = 1; i < step.inputs(); ++i) {
    if (step.input(i) != nullptr && step.input(i)->is(Kind::Numbers)) return step.mixes(kNumbers);
  }
  const Fact rows = as_rows(*first);
  Step joined = step.with(0, rows);
  concat(joined);
  Fact indices = as_numbers(joined.outputs().front(), *first);
  indices.leads = true;
  step.set_all(indices);
}

// data[row's number, ...]: each row's own.
void pick_by_leading(Step& step, const Fact& data, const Fact& indices) {
  const bool own = data.is_rows() && data.axis == 0 && data.outer.is(1) && data.inner.is(1);
  if (!own || !indices.leads || step.integer("batch_dims", 0) != 0) return step.mixes(kNumbers);
  if (!data.shape.has_value() || !indices.shape.has_value()) return step.doubts(kUnknownRank);
  const Size& length = indices.shape->back();
  if (!length.is_number()) return step.doubts("has indices of unknown length");
  Sizes shape(indices.shape->begin(), indices.shape->end() - 1);
  for (auto i = static_cast<std::size_t>(length.number()); i < data.shape->size(); ++i) {
    shape.push_back((*data.shape)[i]);
  }
  step.set_all(Fact::rows(indices, indices.axis, std::move(shape)));
}

// data[i * stride + ...] along an axis on which each row has `stride` elements: each row's own.
void pick(Step& step, const Fact& data, const Fact& indices) {
  if (!data.is_rows() || indices.leads) return step.mixes(kNumbers);
  if (!data.shape.has_value() || !indices.shape.has_value()) return step.doubts(kUnknownRank);
  const auto axis = from_start(step.integer("axis", 0), data.shape->size());
  const bool own =
      axis == data.axis && data.outer.is(1) && data.inner == indices.stride && at_most(*indices.below, indices.stride);
  if (!own) return step.mixes(kNumbers);
  const auto at = static_cast<std::ptrdiff_t>(*axis);
  Sizes shape(data.shape->begin(), data.shape->begin() + at);
  shape.insert(shape.end(), indices.shape->begin(), indices.shape->end());
  shape.insert(shape.end(), data.shape->begin() + at + 1, data.shape->end());
  step.set_all(Fact::rows(indices, *axis + indices.axis, std::move(shape)));
}

// 0, 1, 2, ... up to the number of rows.
bool counts_them(const Step& step) {
  if (step.node().op != "Range" || step.inputs() != 3) return false;
  const Fact* limit = step.input(1);
  const auto start = step.integers(0);
  const auto delta = step.integers(2);
  return start == std::vector<std::int64_t>{0} && delta == std::vector<std::int64_t>{1} && limit != nullptr &&
         limit->is(Kind::Shared) && limit->elements == Sizes{Size::of(kBatch)};
}

}  // namespace

bool follow_numbers(Step& step) {
  const std::string& op = step.node().op;
  const bool ours = step.node().domain.empty();
  if (ours && counts_them(step)) {
    Fact numbers = Fact::rows(Fact{}, 0, Sizes{Size::of(kBatch)});
    numbers.kind = Kind::Numbers;
    numbers.below = Size(1);
    step.set_all(numbers);
    return true;
  }
  std::vector<std::size_t> places;
  for (std::size_t i = 0; i < step.inputs(); ++i) {
    if (step.input(i) != nullptr && step.input(i)->is(Kind::Numbers)) places.push_back(i);
  }
  if (places.empty()) return false;
  const bool one = ours && places.size() == 1;
  const Fact& numbers = *step.input(places.front());
  const bool two_inputs = step.inputs() == 2 && step.input(1 - std::min<std::size_t>(places.front(), 1)) != nullptr;
  const auto other = [&]() -> const Fact& { return *step.input(1 - places.front()); };
  if (one && (op == "Shape" || op == "Size")) {
    const Fact rows = as_rows(numbers);
    Step asked = step.with(0, rows);
    find_rule("", op)->apply(asked);
    step.set_all(asked.outputs().front());
  } else if (one && only_moves(op) && places.front() == 0) {
    move(step, numbers);
  } else if (one && op == "Add" && two_inputs) {
    add(step, numbers, other());
  } else if (one && op == "Mul" && two_inputs) {
    scale(step, numbers, other());
  } else if (one && op == "Concat") {
    lead(step);
  } else if (one && op == "GatherND" && two_inputs && places.front() == 1) {
    pick_by_leading(step, other(), numbers);
  } else if (one && op == "Gather" && two_inputs && places.front() == 1) {
    pick(step, other(), numbers);
  } else {
    step.mixes(kNumbers);
  }
  return true;
}

void keep_bounds(Step& step) {
  const graph::Node& node = step.node();
  if (!node.domain.empty() || node.op != "Range") {
    for (Fact& output : step.outputs()) output.below.reset();
  }
  const Fact* from = step.input(0);
  const bool stays =
      node.domain.empty() && only_moves(node.op) && (node.op != "Cast" || is_integer(step.integer("to", 0)));
  if (!stays || from == nullptr || !from->is(Kind::Shared)) return;
  for (Fact& output : step.outputs()) {
    if (output.is(Kind::Shared)) output.below = from->below;
  }
}

}  // namespace tensorlane::rows
