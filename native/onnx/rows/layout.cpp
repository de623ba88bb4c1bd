#include <algorithm>
#include <limits>
#include <numeric>

#include "onnx/rows/rules.h"

namespace tensorlane::rows {
namespace {

std::size_t position_of(const std::vector<std::size_t>& permutation, std::size_t axis) {
  return static_cast<std::size_t>(std::ranges::find(permutation, axis) - permutation.begin());
}

// Where the rows of x are in a value of the same elements with other dimensions. In row-major order there are so many elements
// of each row, `after`, one after the other, and all rows of that so often, `before`; an axis of the new dimensions holds
// the rows where what is before and after it leaves that as it is.
std::optional<Fact> reshaped(const Fact& x, Sizes dims) {
  const Sizes& from = *x.shape;
  const auto outside = product(from, 0, x.axis);
  const auto inside = product(from, x.axis + 1, from.size());
  const auto before = outside.has_value() ? multiply(*outside, x.outer) : std::nullopt;
  const auto after = inside.has_value() ? multiply(x.inner, *inside) : std::nullopt;
  if (!before.has_value() || !after.has_value()) return std::nullopt;
  for (std::size_t axis = 0; axis < dims.size(); ++axis) {
    if (dims[axis].batches() != 1) continue;
    const auto left = product(dims, 0, axis);
    const auto right = product(dims, axis + 1, dims.size());
    const auto outer = left.has_value() ? divide(*before, *left) : std::nullopt;
    const auto inner = right.has_value() ? divide(*after, *right) : std::nullopt;
    if (!outer.has_value() || !inner.has_value()) return std::nullopt;
    const auto rows = multiply(*outer, Size::of(kBatch));
    const auto all = rows.has_value() ? multiply(*rows, *inner) : std::nullopt;
    if (all != dims[axis]) return std::nullopt;
    Fact fact = Fact::rows(x, axis, std::move(dims));
    fact.outer = *outer;
    fact.inner = *inner;
    return fact;
  }
  return std::nullopt;
}

void set_reshaped(Step& step, Sizes dims) {
  const Fact& x = *step.input(0);
  if (!x.is_rows()) return step.set_all(Fact::shared(std::move(dims), x.elements));
  if (auto fact = reshaped(x, std::move(dims))) return step.set_all(*fact);
  step.doubts("puts the rows into dimensions where they cannot be followed");
}

// Of a small tensor: the elements at these places of each axis, in that order.
std::optional<Sizes> picked(const Fact& x, const std::vector<std::vector<std::size_t>>& places,
                            const std::vector<std::size_t>& axes) {
  if (!x.elements.has_value() || !x.shape.has_value()) return std::nullopt;
  std::vector<std::size_t> strides(x.shape->size(), 1);
  std::size_t count = 1;
  for (std::size_t i = strides.size(); i-- > 0;) {
    if (!(*x.shape)[i].is_number()) return std::nullopt;
    strides[i] = count;
    count *= static_cast<std::size_t>((*x.shape)[i].number());
  }
  if (count != x.elements->size()) return std::nullopt;
  std::vector<std::size_t> offsets{0};
  for (const std::size_t axis : axes) {
    std::vector<std::size_t> next;
    for (const std::size_t offset : offsets) {
      for (const std::size_t place : places[axis]) next.push_back(offset + place * strides[axis]);
    }
    offsets = std::move(next);
  }
  Sizes elements;
  for (const std::size_t offset : offsets) elements.push_back((*x.elements)[offset]);
  return elements;
}

// All places of each axis; none where a size is not a number.
std::optional<std::vector<std::vector<std::size_t>>> all_places(const Sizes& shape) {
  std::vector<std::vector<std::size_t>> places;
  for (const Size& size : shape) {
    if (!size.is_number() || size.number() < 0 || size.number() > 4096) return std::nullopt;
    places.emplace_back(static_cast<std::size_t>(size.number()));
    std::iota(places.back().begin(), places.back().end(), std::size_t{0});
  }
  return places;
}

std::optional<std::vector<std::int64_t>> axes_of(const Step& step) {
  if (auto axes = step.list("axes")) return axes;
  return step.integers(1);
}

}  // namespace

void transpose(Step& step) {
  const Fact& x = *step.input(0);
  if (!x.shape.has_value()) {
    if (!x.is_rows()) return step.set_all(Fact::shared());
    return step.doubts(kUnknownRank);
  }
  const std::size_t rank = x.shape->size();
  std::vector<std::size_t> permutation(rank);
  std::iota(permutation.rbegin(), permutation.rend(), std::size_t{0});
  if (const auto given = step.list("perm"); given.has_value() && !given->empty()) {
    if (given->size() != rank) return step.doubts("has a permutation of another rank");
    for (std::size_t i = 0; i < rank; ++i) {
      const auto axis = from_start((*given)[i], rank);
      if (!axis.has_value()) return step.doubts("has a permutation of another rank");
      permutation[i] = *axis;
    }
  }
  Sizes shape;
  for (const std::size_t axis : permutation) shape.push_back((*x.shape)[axis]);
  if (!x.is_rows()) {
    const auto places = x.elements.has_value() ? all_places(*x.shape) : std::nullopt;
    auto elements = places.has_value() ? picked(x, *places, permutation) : std::nullopt;
    return step.set_all(Fact::shared(std::move(shape), std::move(elements)));
  }
  const std::size_t axis = position_of(permutation, x.axis);
  if (axis == rank) return step.doubts("has a permutation without the batch");
  step.set_all(Fact::rows(x, axis, std::move(shape)));
}

void reshape(Step& step) {
  const Fact& x = *step.input(0);
  const Fact* target = step.input(1);
  std::optional<Sizes> wanted;
  if (const auto attribute = step.list("shape")) {
    wanted.emplace(attribute->begin(), attribute->end());
  } else if (target != nullptr && target->is(Kind::Shared)) {
    wanted = target->elements;
  }
  if (target != nullptr && !target->is(Kind::Shared)) return step.mixes("takes its dimensions from the rows");
  if (!wanted.has_value() || !x.shape.has_value()) {
    if (!x.is_rows()) return step.set_all(Fact::shared());
    return step.doubts(wanted.has_value() ? kUnknownRank : "puts the rows into dimensions that are not known");
  }
  const bool zero_is_size = step.integer("allowzero", 0) != 0;
  std::optional<std::size_t> open;
  for (std::size_t i = 0; i < wanted->size(); ++i) {
    Size& size = (*wanted)[i];
    if (size.is(0) && !zero_is_size) {
      if (i >= x.shape->size()) return step.doubts("keeps a dimension that is not there");
      size = (*x.shape)[i];
    } else if (size.is_number() && size.number() < 0) {
      open = i;
    }
  }
  if (open.has_value()) {
    (*wanted)[*open] = 1;
    const auto all = product(*x.shape, 0, x.shape->size());
    const auto others = product(*wanted, 0, wanted->size());
    const auto rest = all.has_value() && others.has_value() ? divide(*all, *others) : std::nullopt;
    if (rest.has_value()) {
      (*wanted)[*open] = *rest;
    } else if (x.is_rows()) {
      return step.doubts("puts the rows into dimensions that are not known");
    } else {
      (*wanted)[*open] = step.symbols().fresh();
    }
  }
  // Something the same for all rows takes no more elements for more of them.
  const bool counts = std::ranges::any_of(*wanted, [](const Size& size) { return size.batches() != 0; });
  if (!x.is_rows() && counts) return step.mixes("spreads a constant over the rows");
  set_reshaped(step, std::move(*wanted));
}

// To a matrix: the axes before one, and those from it on.
void flatten(Step& step) {
  const Fact& x = *step.input(0);
  if (!x.shape.has_value()) {
    if (!x.is_rows()) return step.set_all(Fact::shared());
    return step.doubts(kUnknownRank);
  }
  const auto rank = static_cast<std::int64_t>(x.shape->size());
  std::int64_t axis = step.integer("axis", 1);
  if (axis < 0) axis += rank;
  if (axis < 0 || axis > rank) return step.doubts("has an axis that is not there");
  const auto rows = product(*x.shape, 0, static_cast<std::size_t>(axis));
  const auto columns = product(*x.shape, static_cast<std::size_t>(axis), x.shape->size());
  if (!rows.has_value() || !columns.has_value()) return step.doubts("makes dimensions that are too large");
  set_reshaped(step, {*rows, *columns});
}

void squeeze(Step& step) {
  const Fact& x = *step.input(0);
  if (!step.others_shared({0})) return step.mixes("takes its axes from the rows");
  if (!x.shape.has_value()) {
    if (!x.is_rows()) return step.set_all(Fact::shared());
    return step.doubts(kUnknownRank);
  }
  const auto axes = axes_of(step);
  const std::size_t rank = x.shape->size();
  std::vector<bool> goes(rank, false);
  if (axes.has_value() && !axes->empty()) {
    for (const std::int64_t axis : *axes) {
      const auto at = from_start(axis, rank);
      if (!at.has_value()) return step.doubts("has an axis that is not there");
      goes[*at] = true;
    }
  } else if (step.input(1) != nullptr) {
    if (x.is_rows()) return step.doubts("has axes that are not known");
    return step.set_all(Fact::shared());
  } else if (x.is_rows()) {
    // All dimensions of 1, of which the batch is one as long as there is one row.
    return step.mixes("drops the batch when it has one row");
  } else {
    for (std::size_t i = 0; i < rank; ++i) {
      if (!(*x.shape)[i].is_number()) return step.set_all(Fact::shared());
      goes[i] = (*x.shape)[i].is(1);
    }
  }
  if (x.is_rows() && goes[x.axis]) return step.mixes("drops the batch, which it takes for 1");
  Sizes shape;
  for (std::size_t i = 0; i < rank; ++i) {
    if (!goes[i]) shape.push_back((*x.shape)[i]);
  }
  if (!x.is_rows()) return step.set_all(Fact::shared(std::move(shape), x.elements));
  const auto before = std::count(goes.begin(), goes.begin() + static_cast<std::ptrdiff_t>(x.axis), true);
  step.set_all(Fact::rows(x, x.axis - static_cast<std::size_t>(before), std::move(shape)));
}

void unsqueeze(Step& step) {
  const Fact& x = *step.input(0);
  if (!step.others_shared({0})) return step.mixes("takes its axes from the rows");
  const auto axes = axes_of(step);
  if (!x.shape.has_value() || !axes.has_value()) {
    if (!x.is_rows()) return step.set_all(Fact::shared());
    return step.doubts(axes.has_value() ? kUnknownRank : "has axes that are not known");
  }
  const std::size_t rank = x.shape->size() + axes->size();
  std::vector<bool> added(rank, false);
  for (const std::int64_t axis : *axes) {
    const auto at = from_start(axis, rank);
    if (!at.has_value() || added[*at]) return step.doubts("has an axis that is not there");
    added[*at] = true;
  }
  Sizes shape;
  std::size_t next = 0;
  std::size_t rows = 0;
  for (std::size_t i = 0; i < rank; ++i) {
    if (!added[i] && next == x.axis) rows = i;
    shape.push_back(added[i] ? Size(1) : (*x.shape)[next++]);
  }
  if (!x.is_rows()) return step.set_all(Fact::shared(std::move(shape), x.elements));
  step.set_all(Fact::rows(x, rows, std::move(shape)));
}

void concat(Step& step) {
  const Fact* rows = nullptr;
  const Fact* first = nullptr;
  bool ranks_known = true;
  for (std::size_t i = 0; i < step.inputs(); ++i) {
    const Fact* input = step.input(i);
    if (input == nullptr) continue;
    if (first == nullptr) first = input;
    if (input->is_rows() && rows == nullptr) rows = input;
    ranks_known = ranks_known && input->shape.has_value();
  }
  if (rows == nullptr) {
    Sizes elements;
    for (std::size_t i = 0; i < step.inputs(); ++i) {
      const Fact* input = step.input(i);
      const bool is_list = input != nullptr && input->elements.has_value() && input->rank() == std::size_t{1};
      if (!is_list) {
        if (!step.others_shared({})) return step.mixes("computes with the number of rows");
        if (!ranks_known || first == nullptr) return step.set_all(Fact::shared());
        return step.set_all(Fact::shared(step.symbols().fresh_list(first->shape->size())));
      }
      elements.insert(elements.end(), input->elements->begin(), input->elements->end());
    }
    const auto count = static_cast<std::int64_t>(elements.size());
    return step.set_all(Fact::shared(Sizes{count}, std::move(elements)));
  }
  if (!ranks_known) return step.doubts(kUnknownRank);
  const std::size_t rank = rows->shape->size();
  const auto axis = from_start(step.integer("axis", 1), rank);
  if (!axis.has_value()) return step.doubts("has an axis that is not there");
  if (*axis == rows->axis) return step.mixes(kMixesAlongBatch);
  Sizes shape = *rows->shape;
  std::optional<Size> total = Size(0);
  for (std::size_t i = 0; i < step.inputs(); ++i) {
    const Fact* input = step.input(i);
    if (input == nullptr) continue;
    if (input->shape->size() != rank) return step.doubts("joins values of several ranks");
    if (!input->is_rows()) return step.mixes("joins rows with a constant, which has one size whatever their number");
    if (input->axis != rows->axis || input->outer != rows->outer || input->inner != rows->inner) {
      return step.mixes("joins rows that lie along different axes");
    }
    const Size& size = (*input->shape)[*axis];
    total = total.has_value() && total->is_number() && size.is_number()
                ? std::optional(Size(total->number() + size.number()))
                : std::nullopt;
  }
  shape[*axis] = total.has_value() ? *total : step.symbols().fresh();
  step.set_all(Fact::rows(*rows, rows->axis, std::move(shape)));
}

void split(Step& step) {
  const Fact& x = *step.input(0);
  if (!step.others_shared({0})) return step.mixes("takes its sizes from the rows");
  if (!x.shape.has_value()) {
    if (!x.is_rows()) return step.set_all(Fact::shared());
    return step.doubts(kUnknownRank);
  }
  const auto axis = from_start(step.integer("axis", 0), x.shape->size());
  if (!axis.has_value()) return step.doubts("has an axis that is not there");
  if (x.is_rows() && *axis == x.axis) return step.mixes(kMixesAlongBatch);
  if (counts_rows(x)) return step.mixes("computes with the number of rows");
  auto sizes = step.list("split");
  if (!sizes.has_value()) sizes = step.integers(1);
  const std::size_t parts = step.outputs().size();
  const auto even = divide((*x.shape)[*axis], Size(static_cast<std::int64_t>(parts)));
  for (std::size_t i = 0; i < parts; ++i) {
    Sizes shape = *x.shape;
    if (sizes.has_value() && sizes->size() == parts) {
      shape[*axis] = (*sizes)[i];
    } else if (step.input(1) == nullptr && even.has_value()) {
      shape[*axis] = *even;
    } else {
      shape[*axis] = step.symbols().fresh();
    }
    step.set(i, x.is_rows() ? Fact::rows(x, x.axis, std::move(shape)) : Fact::shared(std::move(shape)));
  }
}

namespace {

// From one place on to before another, by steps, of so many.
std::vector<std::size_t> sliced(std::int64_t count, std::int64_t start, std::int64_t end, std::int64_t by) {
  const auto clamped = [&](std::int64_t at, std::int64_t least, std::int64_t most) {
    return std::clamp(at < 0 ? at + count : at, least, most);
  };
  std::vector<std::size_t> places;
  if (by > 0) {
    const std::int64_t stop = clamped(end, 0, count);
    for (std::int64_t i = clamped(start, 0, count); i < stop; i += by) places.push_back(static_cast<std::size_t>(i));
  } else if (by < 0) {
    const std::int64_t stop = end < -count ? -1 : clamped(end, -1, count - 1);
    for (std::int64_t i = clamped(start, -1, count - 1); i > stop; i += by)
      places.push_back(static_cast<std::size_t>(i));
  }
  return places;
}

}  // namespace

void slice(Step& step) {
  const Fact& x = *step.input(0);
  if (!step.others_shared({0})) return step.mixes("takes its bounds from the rows, or from their number");
  const bool by_attributes = step.attribute("starts") != nullptr;
  const auto starts = by_attributes ? step.list("starts") : step.integers(1);
  const auto ends = by_attributes ? step.list("ends") : step.integers(2);
  auto axes = by_attributes ? step.list("axes") : step.integers(3);
  const bool axes_given = by_attributes ? axes.has_value() : step.input(3) != nullptr;
  const auto steps = step.input(4) == nullptr ? std::nullopt : step.integers(4);
  if (!x.shape.has_value()) {
    if (!x.is_rows() && !counts_rows(x)) return step.set_all(Fact::shared());
    return step.doubts(kUnknownRank);
  }
  const std::size_t rank = x.shape->size();
  if (!axes_given) {
    // Of the first axes, as many as there are bounds.
    const std::size_t count = starts.has_value() ? starts->size() : rank;
    axes.emplace(count);
    std::iota(axes->begin(), axes->end(), 0);
  }
  if (!axes.has_value()) {
    if (!x.is_rows() && !counts_rows(x)) return step.set_all(Fact::shared());
    return step.doubts("has axes that are not known");
  }
  const bool known =
      starts.has_value() && ends.has_value() && starts->size() == axes->size() && ends->size() == axes->size();
  const bool steps_known = step.input(4) == nullptr || steps.has_value();
  if (x.is(Kind::Shared) && x.elements.has_value()) {
    auto places = known && steps_known ? all_places(*x.shape) : std::nullopt;
    for (std::size_t i = 0; places.has_value() && i < axes->size(); ++i) {
      const auto axis = from_start((*axes)[i], rank);
      if (!axis.has_value()) return step.doubts("has an axis that is not there");
      const std::int64_t by = steps.has_value() && i < steps->size() ? (*steps)[i] : 1;
      (*places)[*axis] = sliced((*x.shape)[*axis].number(), (*starts)[i], (*ends)[i], by);
    }
    std::vector<std::size_t> order(rank);
    std::iota(order.begin(), order.end(), std::size_t{0});
    if (auto elements = places.has_value() ? picked(x, *places, order) : std::nullopt) {
      Sizes left;
      for (const auto& one : *places) left.emplace_back(static_cast<std::int64_t>(one.size()));
      return step.set_all(Fact::shared(std::move(left), std::move(*elements)));
    }
    if (counts_rows(x)) return step.mixes("computes with the number of rows");
  }
  Sizes shape = *x.shape;
  for (std::size_t i = 0; i < axes->size(); ++i) {
    const auto axis = from_start((*axes)[i], rank);
    if (!axis.has_value()) return step.doubts("has an axis that is not there");
    const std::int64_t by = steps.has_value() && i < steps->size() ? (*steps)[i] : 1;
    const bool whole =
        known && steps_known && (*starts)[i] == 0 && by == 1 && (*ends)[i] >= std::numeric_limits<std::int32_t>::max();
    if (whole) continue;
    if (x.is_rows() && *axis == x.axis) return step.mixes(kMixesAlongBatch);
    Size& size = shape[*axis];
    const bool countable = known && steps_known && size.is_number() && by != 0 && size.number() <= (1 << 20);
    if (countable) {
      size = static_cast<std::int64_t>(sliced(size.number(), (*starts)[i], (*ends)[i], by).size());
    } else {
      size = step.symbols().fresh();
    }
  }
  step.set_all(x.is_rows() ? Fact::rows(x, x.axis, std::move(shape)) : Fact::shared(std::move(shape)));
}

void pad(Step& step) {
  const Fact& x = *step.input(0);
  if (!step.others_shared({0})) return step.mixes("takes its padding from the rows");
  auto pads = step.list("pads");
  if (!pads.has_value()) pads = step.integers(1);
  if (!x.is_rows() && x.shape.has_value()) {
    return step.set_all(Fact::shared(step.symbols().fresh_list(x.shape->size())));
  }
  if (!x.is_rows()) return step.set_all(Fact::shared());
  if (!x.shape.has_value()) return step.doubts(kUnknownRank);
  const std::size_t rank = x.shape->size();
  std::vector<std::size_t> axes(rank);
  std::iota(axes.begin(), axes.end(), std::size_t{0});
  if (step.input(3) != nullptr) {
    const auto given = step.integers(3);
    if (!given.has_value()) return step.doubts("has axes that are not known");
    axes.clear();
    for (const std::int64_t axis : *given) {
      const auto at = from_start(axis, rank);
      if (!at.has_value()) return step.doubts("has an axis that is not there");
      axes.push_back(*at);
    }
  }
  const bool known = pads.has_value() && pads->size() == 2 * axes.size();
  Sizes shape = *x.shape;
  for (std::size_t i = 0; i < axes.size(); ++i) {
    const std::int64_t more = known ? (*pads)[i] + (*pads)[i + axes.size()] : -1;
    if (axes[i] == x.axis) {
      if (!known) return step.doubts("has a padding that is not known");
      if ((*pads)[i] != 0 || more != 0) return step.mixes("adds rows, or takes some away");
      continue;
    }
    Size& size = shape[axes[i]];
    size = known && size.is_number() ? Size(size.number() + more) : known && more == 0 ? size : step.symbols().fresh();
  }
  step.set_all(Fact::rows(x, x.axis, std::move(shape)));
}

}  // namespace tensorlane::rows
