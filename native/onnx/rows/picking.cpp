#include <algorithm>

#include "onnx/rows/rules.h"

namespace tensorlane::rows {
namespace {

constexpr const char* kPicksAlongBatch = "picks along the batch";

bool alike(const Fact& a, const Fact& b) { return a.axis == b.axis && a.outer == b.outer && a.inner == b.inner; }

}  // namespace

// data[..., indices, ...]: the axes of the indices come in the place of one axis of the data.
void gather(Step& step) {
  const Fact& data = *step.input(0);
  const Fact& indices = *step.input(1);
  const auto picks = step.integers(1);
  if (data.is(Kind::Shared) && data.elements.has_value() && data.rank() == std::size_t{1} && picks.has_value()) {
    Sizes elements;
    for (const std::int64_t pick : *picks) {
      const auto at = from_start(pick, data.elements->size());
      if (!at.has_value()) return step.doubts("picks an element that is not there");
      elements.push_back((*data.elements)[*at]);
    }
    return step.set_all(Fact::shared(indices.shape, std::move(elements)));
  }
  if (counts_rows(data) || counts_rows(indices)) return step.mixes("computes with the number of rows");
  if (!data.shape.has_value() || !indices.shape.has_value()) {
    if (data.is(Kind::Shared) && indices.is(Kind::Shared)) return step.set_all(Fact::shared());
    return step.doubts(kUnknownRank);
  }
  const auto axis = from_start(step.integer("axis", 0), data.shape->size());
  if (!axis.has_value()) return step.doubts("has an axis that is not there");
  Sizes shape(data.shape->begin(), data.shape->begin() + static_cast<std::ptrdiff_t>(*axis));
  shape.insert(shape.end(), indices.shape->begin(), indices.shape->end());
  shape.insert(shape.end(), data.shape->begin() + static_cast<std::ptrdiff_t>(*axis) + 1, data.shape->end());
  if (data.is_rows() && indices.is_rows()) return step.mixes("picks from all rows by the indices of each");
  if (indices.is_rows()) return step.set_all(Fact::rows(indices, *axis + indices.axis, std::move(shape)));
  if (!data.is_rows()) return step.set_all(Fact::shared(std::move(shape)));
  if (data.axis == *axis) return step.mixes(kPicksAlongBatch);
  const std::size_t moved = data.axis < *axis ? data.axis : data.axis + indices.shape->size() - 1;
  step.set_all(Fact::rows(data, moved, std::move(shape)));
}

// Data and indices have one rank; an element is picked along one axis, at its own place of the others.
void gather_elements(Step& step) {
  const Fact& data = *step.input(0);
  const Fact& indices = *step.input(1);
  if (!data.shape.has_value() || !indices.shape.has_value()) return step.doubts(kUnknownRank);
  const auto axis = from_start(step.integer("axis", 0), data.shape->size());
  if (!axis.has_value()) return step.doubts("has an axis that is not there");
  if (counts_rows(data) || counts_rows(indices)) return step.mixes("computes with the number of rows");
  if (!indices.is_rows()) return step.mixes("picks from so many rows as a constant says");
  if (indices.axis == *axis) {
    if (data.is_rows()) return step.mixes(kPicksAlongBatch);
    return step.set_all(Fact::rows(indices, indices.axis, indices.shape));
  }
  if (!data.is_rows())
    return step.mixes("picks for its rows from a constant, which has one size whatever their number");
  if (!alike(data, indices)) return step.mixes("picks from rows that lie along another axis");
  step.set_all(Fact::rows(indices, indices.axis, indices.shape));
}

// Data, indices and updates have one rank.
void scatter_elements(Step& step) {
  const Fact& data = *step.input(0);
  for (std::size_t i = 0; i < 3; ++i) {
    const Fact* input = step.input(i);
    if (input == nullptr || !input->shape.has_value()) return step.doubts(kUnknownRank);
    if (counts_rows(*input)) return step.mixes("computes with the number of rows");
  }
  const auto axis = from_start(step.integer("axis", 0), data.shape->size());
  if (!axis.has_value()) return step.doubts("has an axis that is not there");
  const Fact& indices = *step.input(1);
  const Fact& updates = *step.input(2);
  // Shared updates or indices would be put into the first rows only.
  if (!data.is_rows() || !indices.is_rows() || !updates.is_rows())
    return step.mixes("puts elements into rows it does not have");
  if (!alike(data, indices) || !alike(data, updates) || data.axis == *axis)
    return step.mixes("puts elements along the batch");
  step.set_all(Fact::rows(data, data.axis, data.shape));
}

// The last axis of the indices is an index into the data's first axes, after those that both have.
void gather_nd(Step& step) {
  const Fact& data = *step.input(0);
  const Fact& indices = *step.input(1);
  const std::int64_t common = step.integer("batch_dims", 0);
  if (counts_rows(data) || counts_rows(indices)) return step.mixes("computes with the number of rows");
  if (!data.shape.has_value() || !indices.shape.has_value() || indices.shape->empty() || common < 0) {
    return step.doubts(kUnknownRank);
  }
  const std::size_t last = indices.shape->size() - 1;
  const auto both = static_cast<std::size_t>(common);
  if (!indices.is_rows()) return step.mixes("picks from the rows by a constant");
  if (indices.axis == last) return step.doubts("has indices for each row in one");
  const bool shares_axis = indices.axis < both;
  if (shares_axis ? !(data.is_rows() && alike(data, indices)) : data.is_rows()) {
    return step.mixes("picks from rows by the indices of others");
  }
  // The indices' axes but the last, then those of the data that no index is for.
  Sizes shape(indices.shape->begin(), indices.shape->begin() + static_cast<std::ptrdiff_t>(last));
  const Size& length = indices.shape->back();
  if (!length.is_number()) return step.doubts("has indices of unknown length");
  for (std::size_t i = both + static_cast<std::size_t>(length.number()); i < data.shape->size(); ++i) {
    shape.push_back((*data.shape)[i]);
  }
  step.set_all(Fact::rows(indices, indices.axis, std::move(shape)));
}

// A new axis, the last one by default.
void one_hot(Step& step) {
  const Fact& indices = *step.input(0);
  if (!step.others_shared({0})) return step.mixes("takes its depth or values from the rows");
  if (!indices.is_rows()) return step.set_all(Fact::shared());
  if (!indices.shape.has_value()) return step.doubts(kUnknownRank);
  const auto axis = from_start(step.integer("axis", -1), indices.shape->size() + 1);
  if (!axis.has_value()) return step.doubts("has an axis that is not there");
  const auto depth = step.integers(1);
  Sizes shape = *indices.shape;
  shape.insert(shape.begin() + static_cast<std::ptrdiff_t>(*axis),
               depth.has_value() && depth->size() == 1 ? Size(depth->front()) : step.symbols().fresh());
  step.set_all(Fact::rows(indices, indices.axis + (*axis <= indices.axis ? 1 : 0), std::move(shape)));
}

}  // namespace tensorlane::rows
