#include <algorithm>
#include <limits>

#include "onnx/rows/rules.h"

namespace tensorlane::rows {
namespace {

// TensorProto.DataType.
enum : std::int64_t { kToFloat = 1, kToInt32 = 6, kToInt64 = 7, kToBool = 9, kToHalf = 10, kToDouble = 11 };

// Whether what is known of an integer still holds when it is of another type: not of one too narrow for it, nor of one whose sums wrap
// where nothing here knows it.
bool survives(std::int64_t type, const Size& size) {
  if (type == kToInt64) return true;
  if (type == kToHalf) return size.is_number() && size.number() <= 2048 && size.number() >= -2048;
  if (type != kToInt32 && type != kToFloat && type != kToDouble) return false;
  constexpr std::int64_t kExactFloat = std::int64_t{1} << 24;
  constexpr std::int64_t kExactDouble = std::int64_t{1} << 53;
  const std::int64_t most = type == kToInt32   ? std::numeric_limits<std::int32_t>::max()
                            : type == kToFloat ? kExactFloat
                                               : kExactDouble;
  return size.number() <= most && size.number() >= -most;
}

// What is computed of an int32 wraps where this is more, and nothing here says of what type a number is: such a result is not known.
std::optional<Size> if_narrow(std::int64_t number) {
  const bool fits = number == static_cast<std::int32_t>(number);
  return fits ? std::optional(Size(number)) : std::nullopt;
}

std::optional<Size> combined(std::string_view op, const Size& a, const Size& b) {
  if (op == "Mul") {
    const std::optional<Size> product = multiply(a, b);
    return product.has_value() && a.is_number() && b.is_number() ? if_narrow(product->number()) : product;
  }
  if (op == "Div") return divide(a, b);
  if (op == "Add" && (a.is(0) || b.is(0))) return a.is(0) ? b : a;
  if (op == "Sub" && b.is(0)) return a;
  if (op == "Equal") {
    if (a == b) return Size(1);
    if (a.is_number() && b.is_number()) return Size(0);
    // The product of a positive number and of sizes is never negative.
    const bool differ =
        (a.is_number() && a.number() < 0 && b.number() > 0) || (b.is_number() && b.number() < 0 && a.number() > 0);
    return differ ? std::optional(Size(0)) : std::nullopt;
  }
  if (!a.is_number() || !b.is_number()) return std::nullopt;
  const std::int64_t x = a.number();
  const std::int64_t y = b.number();
  std::int64_t result = 0;
  if (op == "Add" && !__builtin_add_overflow(x, y, &result)) return if_narrow(result);
  if (op == "Sub" && !__builtin_sub_overflow(x, y, &result)) return if_narrow(result);
  if (op == "Less") return Size(x < y);
  if (op == "LessOrEqual") return Size(x <= y);
  if (op == "Greater") return Size(x > y);
  if (op == "GreaterOrEqual") return Size(x >= y);
  if (op == "And") return Size(x != 0 && y != 0);
  if (op == "Or") return Size(x != 0 || y != 0);
  if (op == "Max") return Size(std::max(x, y));
  if (op == "Min") return Size(std::min(x, y));
  return std::nullopt;
}

// Sizes are computed with where all of them are known, of one shape or single ones.
std::optional<Fact> computed(const Step& step) {
  const std::string& op = step.node().op;
  const Fact* largest = step.input(0);
  for (std::size_t i = 0; i < step.inputs(); ++i) {
    const Fact* fact = step.input(i);
    if (fact == nullptr || !fact->is(Kind::Shared) || !fact->elements.has_value()) return std::nullopt;
    const bool larger = fact->elements->size() > largest->elements->size();
    const bool of_more_axes = fact->elements->size() == largest->elements->size() && fact->rank() > largest->rank();
    if (larger || of_more_axes) largest = fact;
  }
  const std::size_t count = largest->elements->size();
  const auto at = [&](std::size_t input, std::size_t i) -> const Size& {
    const Sizes& elements = *step.input(input)->elements;
    return elements.size() == 1 ? elements.front() : elements[i];
  };
  for (std::size_t i = 0; i < step.inputs(); ++i) {
    const Fact& own = *step.input(i);
    const bool is_single = own.elements->size() == 1 && own.rank() <= largest->rank();
    if (!is_single && own.shape != largest->shape) return std::nullopt;
  }
  Sizes result;
  for (std::size_t i = 0; i < count; ++i) {
    std::optional<Size> element;
    if (op == "Where" && step.inputs() == 3) {
      const Size& condition = at(0, i);
      if (condition.is_number()) element = at(condition.number() != 0 ? 1 : 2, i);
    } else if (step.inputs() == 2) {
      element = combined(op, at(0, i), at(1, i));
    } else if (op == "Not" && at(0, i).is_number()) {
      element = Size(at(0, i).number() == 0);
    }
    if (!element.has_value()) return std::nullopt;
    result.push_back(*element);
  }
  return Fact::shared(largest->shape, std::move(result));
}

}  // namespace

void same(Step& step) {
  Fact fact = *step.input(0);
  fact.reals.reset();
  if (step.node().op == "Cast" && step.integer("to", 0) == kToBool) {
    if (counts_rows(fact)) return step.mixes("computes with the number of rows");
    if (fact.elements.has_value() && std::ranges::all_of(*fact.elements, &Size::is_number)) {
      for (Size& element : *fact.elements) element = Size(!element.is(0));
    } else {
      fact.elements.reset();
    }
  } else if (step.node().op == "Cast") {
    const std::int64_t type = step.integer("to", 0);
    const auto survive = [&](const Size& size) { return survives(type, size); };
    const bool all = !fact.elements.has_value() || std::ranges::all_of(*fact.elements, survive);
    if (!all && counts_rows(fact)) return step.mixes("computes with the number of rows");
    if (!all) fact.elements.reset();
    if (fact.below.has_value() && !survive(*fact.below)) fact.below.reset();
  }
  step.set_all(fact);
}

// Of which type the second one is the graph may not say.
void cast_like(Step& step) {
  Fact fact = *step.input(0);
  if (counts_rows(fact)) return step.doubts("may compute with the number of rows");
  fact.reals.reset();
  fact.elements.reset();
  fact.below.reset();
  step.set_all(fact);
}

void elementwise(Step& step) {
  if (auto fact = computed(step)) return step.set_all(*fact);
  std::vector<const Fact*> operands;
  for (std::size_t i = 0; i < step.inputs(); ++i) operands.push_back(step.input(i));
  step.set_all(broadcast(step, operands));
}

// x, scale, zero point: of all elements, or of those at an index of one axis, or of blocks.
void quantize(Step& step) {
  const Fact& x = *step.input(0);
  if (!step.others_shared({0})) return step.doubts("takes a scale from the rows");
  const Fact* scale = step.input(1);
  Fact fact = x;
  fact.elements.reset();
  fact.reals.reset();
  if (!x.is_rows()) return step.set_all(Fact::shared(x.shape));
  const auto scales = scale == nullptr ? std::nullopt : scale->rank();
  if (!scales.has_value()) return step.doubts("has a scale of unknown rank");
  if (*scales == 0 || (*scales == 1 && scale->shape->front().is(1))) return step.set_all(fact);
  if (*scales == 1 && x.shape.has_value()) {
    const auto axis = from_start(step.integer("axis", 1), x.shape->size());
    if (axis.has_value() && *axis != x.axis) return step.set_all(fact);
    return step.mixes("has a scale for each row");
  }
  step.doubts("has scales for blocks");
}

void dropout(Step& step) {
  if (!step.others_shared({0})) return step.doubts("takes a ratio from the rows");
  if (step.input(2) != nullptr) {
    const auto training = step.integers(2);
    if (!training.has_value()) return step.doubts("may be in training mode");
    if (std::ranges::any_of(*training, [](std::int64_t on) { return on != 0; }))
      return step.mixes("is in training mode");
  }
  Fact fact = *step.input(0);
  fact.elements.reset();
  fact.reals.reset();
  step.set_all(fact);
}

}  // namespace tensorlane::rows
