#include "onnx/rows/ends.h"

#include <utility>

#include "onnx/rows/step.h"

namespace tensorlane::rows {

std::optional<std::size_t> axis_of(const Axes& axes, const std::string& name) {
  const auto at = axes.find(name);
  return at == axes.end() ? std::optional<std::size_t>(0) : at->second;
}

Fact fact_of(const Given& given, std::optional<std::size_t> axis) {
  Sizes shape(given.dims.begin(), given.dims.end());
  if (axis.has_value()) {
    if (*axis >= shape.size()) return Fact::mixed("an input has no such axis");
    shape[*axis] = Size::of(kBatch);
    return Fact::rows(Fact{}, *axis, std::move(shape));
  }
  Fact fact = Fact::shared(std::move(shape));
  if (given.elements.has_value()) fact.elements = Sizes(given.elements->begin(), given.elements->end());
  return fact;
}

Fact declared(const graph::Value& input, std::optional<std::size_t> axis, const std::set<std::string>& batch_names,
              Symbols& symbols) {
  if (!input.is_tensor) return Fact::doubtful("input '" + input.name + "' is no tensor");
  std::optional<Sizes> shape;
  if (input.shape.has_value()) {
    shape.emplace();
    for (std::size_t i = 0; i < input.shape->size(); ++i) {
      const graph::Dim& dim = (*input.shape)[i];
      if (i == axis) {
        shape->push_back(Size::of(kBatch));
      } else if (dim.size >= 0) {
        shape->emplace_back(dim.size);
      } else if (batch_names.contains(dim.name)) {
        return Fact::mixed("input '" + input.name + "' has the number of rows, '" + dim.name +
                           "', in another dimension");
      } else {
        shape->push_back(symbols.named(dim.name));
      }
    }
    if (axis.has_value() && *axis >= shape->size()) return Fact::mixed("input '" + input.name + "' has no such axis");
  }
  if (!axis.has_value()) return Fact::shared(std::move(shape));
  return Fact::rows(Fact{}, *axis, std::move(shape));
}

Finding judge(const graph::Value& output, const Fact* fact, std::optional<std::size_t> axis) {
  const std::string name = "output '" + output.name + "' ";
  if (!output.is_tensor) return {Verdict::Doubtful, name + "is no tensor"};
  if (fact == nullptr) return {Verdict::Doubtful, name + "is made by nothing"};
  if (fact->is(Kind::Mixed)) return {Verdict::Mixed, fact->why};
  if (fact->is(Kind::Doubtful)) return {Verdict::Doubtful, fact->why};
  if (fact->is(Kind::Numbers)) return {Verdict::Mixed, name + "holds the numbers of the rows"};
  if (fact->is(Kind::Shared)) {
    if (counts_rows(*fact)) return {Verdict::Mixed, name + "holds the number of rows"};
    if (axis.has_value()) return {Verdict::Mixed, name + "does not come of the rows"};
    return {};
  }
  if (!axis.has_value()) return {Verdict::Mixed, name + "comes of the rows"};
  if (fact->axis != *axis) {
    return {Verdict::Mixed, name + "has the rows along axis " + std::to_string(fact->axis)};
  }
  if (!fact->outer.is(1) || !fact->inner.is(1))
    return {Verdict::Mixed, name + "has several parts of each row along the batch"};
  return {};
}

std::set<std::string> batch_names(const graph::ModelGraph& model, const Axes& axes) {
  std::set<std::string> names;
  for (const graph::Value& input : model.graph.inputs) {
    const auto axis = axis_of(axes, input.name);
    if (axis.has_value() && input.shape.has_value() && *axis < input.shape->size()) {
      names.insert((*input.shape)[*axis].name);
    }
  }
  names.erase("");
  return names;
}

}  // namespace tensorlane::rows
