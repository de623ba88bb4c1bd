// The same elements several times: for each row, or along other axes.
#include <algorithm>
#include <optional>

#include "onnx/rows/rules.h"

namespace tensorlane::rows {

void tile(Step& step) {
  const Fact& x = *step.input(0);
  if (step.input(1) == nullptr || !step.input(1)->is(Kind::Shared))
    return step.mixes("takes its repeats from the rows");
  const auto& repeats = step.input(1)->elements;
  if (!x.shape.has_value() || !repeats.has_value() || repeats->size() != x.shape->size()) {
    if (!x.is_rows() && !counts_rows(*step.input(1))) return step.set_all(Fact::shared());
    return step.doubts("has repeats that are not known");
  }
  Sizes shape;
  std::optional<std::size_t> spread;
  for (std::size_t i = 0; i < repeats->size(); ++i) {
    const auto size = multiply((*x.shape)[i], (*repeats)[i]);
    const bool many = (*repeats)[i].batches() != 0;
    if (x.is_rows() && (many || (i == x.axis && !(*repeats)[i].is(1)))) return step.mixes("repeats rows");
    if (many && (spread.has_value() || !((*repeats)[i] == Size::of(kBatch)))) return step.mixes("repeats a constant");
    if (many) spread = i;
    shape.push_back(size.has_value() ? *size : step.symbols().fresh());
  }
  if (x.is_rows()) return step.set_all(Fact::rows(x, x.axis, std::move(shape)));
  if (!spread.has_value()) return step.set_all(Fact::shared(std::move(shape)));
  // Each row the same: a constant for each.
  Fact fact = Fact::rows(Fact{}, *spread, std::move(shape));
  fact.inner = (*x.shape)[*spread];
  step.set_all(fact);
}

void expand(Step& step) {
  const Fact& x = *step.input(0);
  const Fact* target = step.input(1);
  if (target == nullptr || !target->is(Kind::Shared)) return step.mixes("takes its dimensions from the rows");
  if (!target->elements.has_value() || !x.shape.has_value()) {
    if (x.is_rows()) return step.doubts("has dimensions that are not known");
    return step.set_all(Fact::shared());
  }
  const Sizes& wanted = *target->elements;
  const std::size_t rank = std::max(wanted.size(), x.shape->size());
  const std::size_t missing = rank - x.shape->size();
  Sizes shape(rank, Size(1));
  std::optional<std::size_t> spread;
  for (std::size_t i = 0; i < rank; ++i) {
    const Size own = i < missing ? Size(1) : (*x.shape)[i - missing];
    const Size other = i < rank - wanted.size() ? Size(1) : wanted[i - (rank - wanted.size())];
    const bool is_rows = x.is_rows() && i == x.axis + missing;
    if (is_rows) {
      if (!other.is(1) && !(other == own)) return step.mixes("spreads its rows over dimensions of another size");
      shape[i] = own;
      continue;
    }
    if (other.batches() != 0) {
      if (!own.is(1) || x.is_rows() || spread.has_value() || !(other == Size::of(kBatch))) {
        return step.mixes("spreads a value over the number of rows");
      }
      spread = i;
      shape[i] = other;
      continue;
    }
    shape[i] = other.is(1)                 ? own
               : own.is(1) || own == other ? other
               : own.is_number()           ? own
               : other.is_number()         ? other
                                           : step.symbols().fresh();
  }
  if (x.is_rows()) return step.set_all(Fact::rows(x, x.axis + missing, std::move(shape)));
  if (spread.has_value()) return step.set_all(Fact::rows(Fact{}, *spread, std::move(shape)));
  step.set_all(Fact::shared(std::move(shape)));
}

}  // namespace tensorlane::rows
