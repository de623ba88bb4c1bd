#include "onnx/rows/step.h"

#include <algorithm>
#include <utility>

namespace tensorlane::rows {

bool Step::others_shared(std::initializer_list<std::size_t> but) const {
  for (std::size_t i = 0; i < inputs_.size(); ++i) {
    if (inputs_[i] == nullptr || std::ranges::find(but, i) != but.end()) continue;
    if (!inputs_[i]->is(Kind::Shared) || counts_rows(*inputs_[i])) return false;
  }
  return true;
}

std::optional<std::vector<std::int64_t>> Step::integers(std::size_t i) const {
  const Fact* fact = input(i);
  if (fact == nullptr || !fact->is(Kind::Shared) || !fact->elements.has_value()) return std::nullopt;
  std::vector<std::int64_t> numbers;
  for (const Size& size : *fact->elements) {
    if (!size.is_number()) return std::nullopt;
    numbers.push_back(size.number());
  }
  return numbers;
}

const graph::Attribute* Step::attribute(std::string_view name) const { return node_.attribute(name); }

std::int64_t Step::integer(std::string_view name, std::int64_t otherwise) const {
  const graph::Attribute* found = attribute(name);
  return found == nullptr ? otherwise : found->integer.value_or(otherwise);
}

std::optional<std::vector<std::int64_t>> Step::list(std::string_view name) const {
  const graph::Attribute* found = attribute(name);
  return found == nullptr ? std::nullopt : std::optional(found->integers);
}

void Step::set(std::size_t output, Fact fact) {
  if (output < outputs_.size()) outputs_[output] = std::move(fact);
}

void Step::set_all(const Fact& fact) { std::ranges::fill(outputs_, fact); }

std::string Step::by(const std::string& what) const {
  const std::string name = node_.name.empty() ? (node_.outputs.empty() ? "" : node_.outputs.front()) : node_.name;
  return node_.op + " '" + name + "' " + what;
}

std::optional<std::size_t> from_start(std::int64_t axis, std::size_t rank) {
  const auto size = static_cast<std::int64_t>(rank);
  const std::int64_t at = axis < 0 ? axis + size : axis;
  if (at < 0 || at >= size) return std::nullopt;
  return static_cast<std::size_t>(at);
}

bool counts_rows(const Fact& fact) {
  return fact.elements.has_value() &&
         std::ranges::any_of(*fact.elements, [](const Size& size) { return size.batches() != 0; });
}

namespace {

Size broadcast_size(const Size& a, const Size& b, Symbols& symbols) {
  if (a == b || b.is(1)) return a;
  if (a.is(1)) return b;
  if (a.is_number()) return a;
  if (b.is_number()) return b;
  return symbols.fresh();
}

}  // namespace

Fact broadcast(Step& step, std::span<const Fact* const> operands) {
  const auto mixed = [&](const std::string& what) {
    step.mixes(what);
    return step.outputs().front();
  };
  const auto doubtful = [&](const std::string& what) {
    step.doubts(what);
    return step.outputs().front();
  };
  std::size_t rank = 0;
  const Fact* rows = nullptr;
  bool all_known = true;
  for (const Fact* operand : operands) {
    if (operand == nullptr) continue;
    if (operand->is_rows() && rows == nullptr) rows = operand;
    if (operand->is(Kind::Shared) && counts_rows(*operand)) return mixed("computes with the number of rows");
    all_known = all_known && operand->shape.has_value();
    rank = std::max(rank, operand->rank().value_or(0));
  }
  if (!all_known) {
    if (rows == nullptr) return Fact::shared();
    // A scalar changes no axis, whatever the rank of the rest.
    const bool only_scalars = std::ranges::all_of(operands, [rows](const Fact* operand) {
      return operand == nullptr || operand == rows || (operand->is(Kind::Shared) && operand->rank() == std::size_t{0});
    });
    if (only_scalars) return Fact::rows(*rows, rows->axis, rows->shape);
    return doubtful("joins values of unknown rank");
  }
  Sizes shape(rank, Size(1));
  for (const Fact* operand : operands) {
    if (operand == nullptr) continue;
    const Sizes& own = *operand->shape;
    for (std::size_t i = 0; i < own.size(); ++i) {
      Size& at = shape[rank - own.size() + i];
      at = broadcast_size(at, own[i], step.symbols());
    }
  }
  if (rows == nullptr) return Fact::shared(std::move(shape));
  const std::size_t axis = rows->axis + rank - rows->shape->size();
  for (const Fact* operand : operands) {
    if (operand == nullptr || operand == rows) continue;
    const std::size_t missing = rank - operand->shape->size();
    if (operand->is_rows()) {
      const bool alike =
          operand->axis + missing == axis && operand->outer == rows->outer && operand->inner == rows->inner;
      if (!alike) return mixed("joins rows that lie along different axes");
      continue;
    }
    if (axis < missing) continue;
    const Size& along = (*operand->shape)[axis - missing];
    if (along.is(1)) continue;
    if (along.is_number()) {
      return mixed("joins its rows with a constant of " + std::to_string(along.number()) + " along the batch");
    }
    return doubtful("joins its rows with a value of unknown size along the batch");
  }
  shape[axis] = (*rows->shape)[rows->axis];
  return Fact::rows(*rows, axis, std::move(shape));
}

}  // namespace tensorlane::rows
