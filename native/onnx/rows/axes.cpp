#include <algorithm>

#include "onnx/rows/rules.h"

namespace tensorlane::rows {
namespace {

// The axes as numbers from the start; none where one is not known to be there.
std::optional<std::vector<std::size_t>> resolved(const std::vector<std::int64_t>& axes, const Fact& x) {
  std::vector<std::size_t> result;
  for (const std::int64_t axis : axes) {
    if (!x.shape.has_value() && axis < 0) return std::nullopt;
    const auto at =
        x.shape.has_value() ? from_start(axis, x.shape->size()) : std::optional(static_cast<std::size_t>(axis));
    if (!at.has_value()) return std::nullopt;
    result.push_back(*at);
  }
  std::ranges::sort(result);
  result.erase(std::unique(result.begin(), result.end()), result.end());
  return result;
}

// What is left of a value when these axes became 1, or went.
Fact without(const Fact& x, const std::vector<std::size_t>& axes, bool keep) {
  std::optional<Sizes> shape;
  if (x.shape.has_value()) {
    shape.emplace();
    for (std::size_t i = 0; i < x.shape->size(); ++i) {
      const bool goes = std::ranges::find(axes, i) != axes.end();
      if (!goes) shape->push_back((*x.shape)[i]);
      if (goes && keep) shape->emplace_back(1);
    }
  }
  if (!x.is_rows()) return Fact::shared(std::move(shape));
  const auto before = std::ranges::count_if(axes, [&](std::size_t axis) { return axis < x.axis; });
  return Fact::rows(x, keep ? x.axis : x.axis - static_cast<std::size_t>(before), std::move(shape));
}

void reduce_axes(Step& step, const std::vector<std::int64_t>& axes, bool keep) {
  const Fact& x = *step.input(0);
  const auto along = resolved(axes, x);
  if (!along.has_value()) {
    if (!x.is_rows()) return step.set_all(Fact::shared());
    return step.doubts("works along axes that are not known");
  }
  if (x.is_rows() && std::ranges::find(*along, x.axis) != along->end()) return step.mixes(kMixesAlongBatch);
  step.set_all(without(x, *along, keep));
}

// The value goes on as it is, if the axis is not that of the rows.
void along(Step& step, std::int64_t axis) {
  const Fact& x = *step.input(0);
  Fact fact = x;
  fact.elements.reset();
  fact.reals.reset();
  if (x.is_rows()) {
    const auto at = resolved({axis}, x);
    if (!at.has_value()) return step.doubts("works along an axis that is not known");
    if (at->front() == x.axis) return step.mixes(kMixesAlongBatch);
  }
  step.set_all(fact);
}

}  // namespace

void reduce(Step& step) {
  const Fact& x = *step.input(0);
  const bool keep = step.integer("keepdims", 1) != 0;
  if (x.is(Kind::Shared) && x.elements.has_value()) {
    const auto total = step.node().op == "ReduceProd" ? product(*x.elements, 0, x.elements->size()) : std::nullopt;
    if (total.has_value() && x.rank() == std::size_t{1}) {
      return step.set_all(Fact::shared(keep ? Sizes{1} : Sizes{}, Sizes{*total}));
    }
    if (counts_rows(x)) return step.mixes("computes with the number of rows");
  }
  if (!step.others_shared({0})) return step.mixes("takes its axes from the rows");
  auto axes = step.list("axes");
  if (!axes.has_value() && step.input(1) != nullptr) {
    axes = step.integers(1);
    if (!axes.has_value()) {
      if (!x.is_rows()) return step.set_all(Fact::shared());
      return step.doubts("works along axes that are not known");
    }
  }
  if (axes.has_value() && !axes->empty()) return reduce_axes(step, *axes, keep);
  if (step.integer("noop_with_empty_axes", 0) != 0) return reduce_axes(step, {}, true);
  if (x.is_rows()) return step.mixes("works along all axes");
  step.set_all(Fact::shared());
}

void reduce_one(Step& step) { reduce_axes(step, {step.integer("axis", 0)}, step.integer("keepdims", 1) != 0); }

// Since opset 13 along one axis, before that along all from one on.
void softmax(Step& step) {
  if (step.opset() >= 13) return along(step, step.integer("axis", -1));
  const Fact& x = *step.input(0);
  const auto first = resolved({step.integer("axis", 1)}, x);
  if (x.is_rows() && !first.has_value()) return step.doubts("works along axes that are not known");
  if (x.is_rows() && x.axis >= first->front()) return step.mixes(kMixesAlongBatch);
  step.set_all(x);
}

void one_axis(Step& step) { along(step, step.integer("axis", -1)); }

// Along all axes from one on; scale and bias are broadcast to what comes in.
void last_axes(Step& step) {
  const Fact& x = *step.input(0);
  std::vector<const Fact*> operands;
  for (std::size_t i = 0; i < step.inputs(); ++i) operands.push_back(step.input(i));
  const Fact all = broadcast(step, operands);
  if (!all.is_rows()) return step.set_all(all);
  if (!x.is_rows() || !x.shape.has_value()) return step.doubts("normalises a value of unknown rank");
  const std::size_t rank = x.shape->size();
  const auto first = from_start(step.integer("axis", -1), rank);
  if (!first.has_value() || all.axis != x.axis || all.shape->size() != rank)
    return step.doubts("has an axis that is not there");
  if (x.axis >= *first) return step.mixes(kMixesAlongBatch);
  step.set_all(Fact::rows(x, x.axis, x.shape));
  std::vector<std::size_t> normalised;
  for (std::size_t i = *first; i < rank; ++i) normalised.push_back(i);
  // The mean and the deviation, and of the Skip... ones what was normalised.
  constexpr std::size_t kSum = 3;
  for (std::size_t i = 1; i < step.outputs().size(); ++i) {
    step.set(i, i == kSum ? Fact::rows(x, x.axis, x.shape) : without(x, normalised, true));
  }
}

void cumulate(Step& step) {
  if (!step.others_shared({0})) return step.mixes("takes its axis from the rows");
  const auto axis = step.integers(1);
  if (axis.has_value() && axis->size() == 1) return along(step, axis->front());
  if (step.input(0)->is_rows()) return step.doubts("works along an axis that is not known");
  step.set_all(Fact::shared(step.input(0)->shape));
}

void top_k(Step& step) {
  if (!step.others_shared({0})) return step.mixes("takes its number of elements from the rows");
  along(step, step.integer("axis", -1));
  const auto count = step.integers(1);
  const std::int64_t number = count.has_value() && count->size() == 1 ? count->front() : step.integer("k", -1);
  for (Fact& fact : step.outputs()) {
    if (!fact.shape.has_value() || fact.is(Kind::Mixed) || fact.is(Kind::Doubtful)) continue;
    const auto axis = from_start(step.integer("axis", -1), fact.shape->size());
    if (axis.has_value()) (*fact.shape)[*axis] = number >= 0 ? Size(number) : step.symbols().fresh();
  }
}

void mean_variance(Step& step) {
  const Fact& x = *step.input(0);
  const auto axes = resolved(step.list("axes").value_or(std::vector<std::int64_t>{0, 2, 3}), x);
  if (x.is_rows() && !axes.has_value()) return step.doubts("works along axes that are not known");
  if (x.is_rows() && std::ranges::find(*axes, x.axis) != axes->end()) return step.mixes(kMixesAlongBatch);
  step.set_all(x);
}

// The first elements of each sequence, as many as its length says, in the opposite order.
void reverse(Step& step) {
  const Fact& x = *step.input(0);
  const Fact* lengths = step.input(1);
  const auto batch = static_cast<std::size_t>(step.integer("batch_axis", 1));
  const auto time = static_cast<std::size_t>(step.integer("time_axis", 0));
  if (!x.is_rows() || lengths == nullptr) return step.doubts("takes its lengths from the rows");
  if (x.axis == time) return step.mixes(kMixesAlongBatch);
  const bool alike = lengths->is_rows() && lengths->axis == 0 && lengths->outer == x.outer && lengths->inner == x.inner;
  if ((x.axis == batch) != alike) return step.mixes("takes the lengths of other rows");
  if (x.axis != batch && !step.others_shared({0})) return step.mixes("takes its lengths from the rows");
  step.set_all(x);
}

// The last two axes are a matrix.
void triangle(Step& step) {
  const Fact& x = *step.input(0);
  if (!step.others_shared({0})) return step.mixes("takes its diagonal from the rows");
  Fact fact = x;
  fact.elements.reset();
  fact.reals.reset();
  if (!x.is_rows()) return step.set_all(fact);
  if (!x.shape.has_value()) return step.doubts(kUnknownRank);
  if (x.axis + 2 >= x.shape->size()) return step.mixes(kMixesAlongBatch);
  step.set_all(fact);
}

}  // namespace tensorlane::rows
