#include "onnx/rows/loops.h"

#include <algorithm>
#include <optional>
#include <utility>

namespace tensorlane::rows {
namespace {

constexpr const char* kNeverSettles = "has a body whose values change their kind each time";

bool is_shared(const Fact* fact) { return fact == nullptr || (fact->is(Kind::Shared) && !counts_rows(*fact)); }

const graph::Graph* body_of(const Step& step) {
  const graph::Attribute* body = step.attribute("body");
  return body == nullptr ? nullptr : body->graph.get();
}

// `carried` goes in between `before` and `after`, comes out behind the `skipped` first outputs, and goes in again, until it is
// what holds each time. The facts of all outputs; none where they never settle.
std::optional<std::vector<Fact>> repeat(Step& step, const RunBody& run, const graph::Graph& body,
                                        std::vector<Fact>& carried, const std::vector<Fact>& before,
                                        const std::vector<Fact>& after, std::size_t skipped) {
  constexpr int kMostTimes = 6;
  for (int time = 0; time < kMostTimes; ++time) {
    std::vector<Fact> given = before;
    given.insert(given.end(), carried.begin(), carried.end());
    given.insert(given.end(), after.begin(), after.end());
    if (body.inputs.size() != given.size()) return std::nullopt;
    std::vector<Fact> made = run(body, given);
    if (made.size() < skipped + carried.size()) return std::nullopt;
    bool settled = true;
    for (std::size_t i = 0; i < carried.size(); ++i) {
      Fact joined = either(carried[i], made[skipped + i], step.symbols());
      // A size that changes each time never settles.
      if (time >= 2 && joined.shape != carried[i].shape) joined.shape.reset();
      settled = settled && joined.kind == carried[i].kind && joined.shape == carried[i].shape &&
                joined.elements == carried[i].elements && joined.reals == carried[i].reals &&
                joined.below == carried[i].below;
      carried[i] = std::move(joined);
    }
    if (settled) return made;
  }
  return std::nullopt;
}

// Those of all times, one after the other along a new axis.
Fact collected(const Fact& fact, std::size_t axis, Symbols& symbols) {
  if (fact.is(Kind::Mixed) || fact.is(Kind::Doubtful)) return fact;
  if (counts_rows(fact) || fact.is(Kind::Numbers)) return Fact::mixed("a loop collects the number of rows");
  std::optional<Sizes> shape = fact.shape;
  if (shape.has_value()) {
    if (axis > shape->size()) return Fact::doubtful("a loop collects along an axis that is not there");
    shape->insert(shape->begin() + static_cast<std::ptrdiff_t>(axis), symbols.fresh());
  }
  if (fact.is(Kind::Shared)) return Fact::shared(std::move(shape));
  return Fact::rows(fact, fact.axis + (axis <= fact.axis ? 1 : 0), std::move(shape));
}

}  // namespace

// So many times, or while something holds, which must be the same for all rows.
void follow_loop(Step& step, const RunBody& run) {
  const graph::Graph* body = body_of(step);
  if (body == nullptr || step.inputs() < 2) return step.doubts("has no body or no condition");
  if (!is_shared(step.input(0)) || !is_shared(step.input(1))) {
    return step.mixes("repeats as often for all rows as their number or what is in them says");
  }
  std::vector<Fact> carried;
  for (std::size_t i = 2; i < step.inputs(); ++i) {
    const Fact* first = step.input(i);
    carried.push_back(first == nullptr ? Fact::doubtful("a loop begins without a value") : *first);
  }
  const std::vector<Fact> number_and_condition{Fact::shared(Sizes{}), Fact::shared(Sizes{})};
  const auto made = repeat(step, run, *body, carried, number_and_condition, {}, 1);
  if (!made.has_value()) return step.doubts(kNeverSettles);
  if (!is_shared(&made->front())) return step.mixes("goes on for all rows by what is in them");
  for (std::size_t i = 0; i < step.outputs().size(); ++i) {
    if (i < carried.size()) {
      step.set(i, carried[i]);
    } else {
      step.set(i, i + 1 < made->size() ? collected((*made)[i + 1], 0, step.symbols())
                                       : Fact::doubtful("a loop has fewer outputs"));
    }
  }
}

// Along an axis of some inputs, which must not be that of the rows.
void follow_scan(Step& step, const RunBody& run) {
  const graph::Graph* body = body_of(step);
  const std::int64_t count = step.integer("num_scan_inputs", 0);
  bool enough = body != nullptr && step.opset() >= 9 && count >= 1 && count <= static_cast<std::int64_t>(step.inputs());
  for (std::size_t i = 0; enough && i < step.inputs(); ++i) enough = step.input(i) != nullptr;
  if (!enough) return step.doubts("has no body, or is of an older kind");
  const std::size_t states = step.inputs() - static_cast<std::size_t>(count);
  std::vector<Fact> carried;
  for (std::size_t i = 0; i < states; ++i) carried.push_back(*step.input(i));
  std::vector<Fact> slices;
  const auto axes = step.list("scan_input_axes");
  for (std::size_t i = states; i < step.inputs(); ++i) {
    const Fact& from = *step.input(i);
    const std::int64_t given = axes.has_value() && i - states < axes->size() ? (*axes)[i - states] : 0;
    const auto axis = from.shape.has_value() ? from_start(given, from.shape->size()) : std::nullopt;
    if (!axis.has_value()) return step.doubts("goes along an axis that is not known");
    const bool along_rows = from.is_rows() && from.axis == *axis;
    if (along_rows || counts_rows(from) || from.is(Kind::Numbers)) return step.mixes("goes along the batch");
    Sizes shape = *from.shape;
    shape.erase(shape.begin() + static_cast<std::ptrdiff_t>(*axis));
    slices.push_back(from.is_rows() ? Fact::rows(from, from.axis - (*axis < from.axis ? 1 : 0), std::move(shape))
                                    : Fact::shared(std::move(shape)));
  }
  const auto made = repeat(step, run, *body, carried, {}, slices, 0);
  if (!made.has_value()) return step.doubts(kNeverSettles);
  const auto output_axes = step.list("scan_output_axes");
  for (std::size_t i = 0; i < step.outputs().size(); ++i) {
    if (i < states) {
      step.set(i, carried[i]);
      continue;
    }
    const std::int64_t axis =
        output_axes.has_value() && i - states < output_axes->size() ? (*output_axes)[i - states] : 0;
    const bool there = i < made->size() && axis >= 0;
    step.set(i, there ? collected((*made)[i], static_cast<std::size_t>(axis), step.symbols())
                      : Fact::doubtful("a scan collects along an axis that is not known"));
  }
}

Fact either(const Fact& a, const Fact& b, Symbols& symbols) {
  for (const Kind kind : {Kind::Mixed, Kind::Doubtful}) {
    if (a.is(kind)) return a;
    if (b.is(kind)) return b;
  }
  if (counts_rows(a) || counts_rows(b)) {
    if (a.elements == b.elements && a.shape == b.shape && a.is(Kind::Shared) && b.is(Kind::Shared)) return a;
    return Fact::mixed("an If gives the number of rows");
  }
  std::optional<Sizes> shape;
  if (a.shape.has_value() && b.shape.has_value() && a.shape->size() == b.shape->size()) {
    shape.emplace();
    for (std::size_t i = 0; i < a.shape->size(); ++i) {
      shape->push_back((*a.shape)[i] == (*b.shape)[i] ? (*a.shape)[i] : symbols.fresh());
    }
  }
  if (a.is(Kind::Shared) && b.is(Kind::Shared)) return Fact::shared(std::move(shape));
  const bool alike = a.is_rows() && b.is_rows() && a.axis == b.axis && a.outer == b.outer && a.inner == b.inner;
  if (!alike) return Fact::doubtful("an If gives rows that lie otherwise in either branch");
  if (shape.has_value()) (*shape)[a.axis] = a.shape.has_value() ? (*a.shape)[a.axis] : Size::of(kBatch);
  return Fact::rows(a, a.axis, std::move(shape));
}

}  // namespace tensorlane::rows
