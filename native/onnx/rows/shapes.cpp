#include <algorithm>

#include "onnx/rows/rules.h"

namespace tensorlane::rows {

void shape_of(Step& step) {
  const Fact& x = *step.input(0);
  if (!x.shape.has_value()) {
    // Shared values have one shape whatever the rows; of others the number of rows is in it somewhere.
    if (x.is(Kind::Shared)) return step.set_all(Fact::shared());
    return step.doubts("takes the dimensions of a value of unknown rank");
  }
  const auto rank = static_cast<std::int64_t>(x.shape->size());
  const auto bound = [&](std::int64_t at) { return std::clamp(at < 0 ? at + rank : at, std::int64_t{0}, rank); };
  const std::int64_t start = bound(step.integer("start", 0));
  const std::int64_t end = bound(step.integer("end", rank));
  Sizes elements;
  for (std::int64_t i = start; i < end; ++i) elements.push_back((*x.shape)[static_cast<std::size_t>(i)]);
  const auto count = static_cast<std::int64_t>(elements.size());
  step.set_all(Fact::shared(Sizes{count}, std::move(elements)));
}

void size_of(Step& step) {
  const Fact& x = *step.input(0);
  const auto all = x.shape.has_value() ? product(*x.shape, 0, x.shape->size()) : std::nullopt;
  if (all.has_value()) return step.set_all(Fact::shared(Sizes{}, Sizes{*all}));
  if (x.is(Kind::Shared)) return step.set_all(Fact::shared(Sizes{}));
  step.doubts("counts the elements of a value of unknown rank");
}

void constant(Step& step) {
  if (const graph::Attribute* value = step.attribute("value"); value != nullptr && value->tensor.has_value()) {
    const graph::Tensor& tensor = *value->tensor;
    Fact fact = Fact::shared(Sizes(tensor.dims.begin(), tensor.dims.end()));
    if (tensor.elements.has_value()) fact.elements = Sizes(tensor.elements->begin(), tensor.elements->end());
    fact.reals = tensor.reals;
    return step.set_all(fact);
  }
  if (const graph::Attribute* value = step.attribute("value_int"); value != nullptr && value->integer.has_value()) {
    return step.set_all(Fact::shared(Sizes{}, Sizes{*value->integer}));
  }
  if (const auto values = step.list("value_ints")) {
    const auto count = static_cast<std::int64_t>(values->size());
    return step.set_all(Fact::shared(Sizes{count}, Sizes(values->begin(), values->end())));
  }
  const bool is_scalar = step.attribute("value_float") != nullptr || step.attribute("value_string") != nullptr;
  step.set_all(Fact::shared(is_scalar ? std::optional(Sizes{}) : std::nullopt));
}

// Of one value, so each row's part is the same.
void constant_of_shape(Step& step) {
  const Fact& target = *step.input(0);
  if (!target.is(Kind::Shared)) return step.mixes("takes its dimensions from the rows");
  if (!target.elements.has_value()) return step.set_all(Fact::shared());
  Sizes shape = *target.elements;
  const auto with_rows = [](const Size& size) { return size.batches() != 0; };
  const auto count = std::ranges::count_if(shape, with_rows);
  if (count > 1) return step.mixes("makes a value with the number of rows in several dimensions");
  if (count == 1) {
    const auto at = std::ranges::find_if(shape, with_rows);
    const auto axis = static_cast<std::size_t>(at - shape.begin());
    const auto inner = divide(*at, Size::of(kBatch));
    if (!inner.has_value() || inner->batches() != 0)
      return step.mixes("makes a value with the number of rows in a dimension");
    Fact fact = Fact::rows(Fact{}, axis, std::move(shape));
    fact.inner = *inner;
    return step.set_all(fact);
  }
  // Ones and zeros of a few dimensions are what shapes are computed with.
  std::optional<Sizes> elements;
  const auto total = product(shape, 0, shape.size());
  if (shape.size() == 1 && total.has_value() && total->is_number() && total->number() >= 0 && total->number() <= 64) {
    const graph::Attribute* value = step.attribute("value");
    const bool given = value != nullptr && value->tensor.has_value();
    const auto element = !given ? std::optional<Size>()
                         : value->tensor->elements.has_value() && !value->tensor->elements->empty()
                             ? std::optional<Size>(value->tensor->elements->front())
                             : std::nullopt;
    if (element.has_value()) elements = Sizes(static_cast<std::size_t>(total->number()), *element);
  }
  step.set_all(Fact::shared(std::move(shape), std::move(elements)));
}

void range(Step& step) {
  if (!step.others_shared({})) return step.mixes("counts up to the number of rows, or to what is in them");
  const auto start = step.integers(0);
  const auto limit = step.integers(1);
  const auto delta = step.integers(2);
  const std::vector<std::int64_t> zero{0};
  const std::vector<std::int64_t> one{1};
  const Fact* end = step.input(1);
  if (start == zero && delta == one && end != nullptr && end->elements.has_value() && end->elements->size() == 1 &&
      !limit.has_value()) {
    Fact numbers = Fact::shared(*end->elements);
    numbers.below = end->elements->front();
    return step.set_all(numbers);
  }
  constexpr std::int64_t kMost = 64;
  const bool known = start.has_value() && limit.has_value() && delta.has_value() && start->size() == 1 &&
                     limit->size() == 1 && delta->size() == 1 && delta->front() > 0 && start->front() >= 0;
  if (!known) return step.set_all(Fact::shared(Sizes{step.symbols().fresh()}));
  if (limit->front() > kMost) {
    const std::int64_t from = std::min(start->front(), limit->front());
    Fact numbers = Fact::shared(Sizes{(limit->front() - from + delta->front() - 1) / delta->front()});
    numbers.below = Size(limit->front());
    return step.set_all(numbers);
  }
  Sizes elements;
  for (std::int64_t i = start->front(); i < limit->front(); i += delta->front()) elements.emplace_back(i);
  const auto count = static_cast<std::int64_t>(elements.size());
  step.set_all(Fact::shared(Sizes{count}, std::move(elements)));
}

}  // namespace tensorlane::rows
