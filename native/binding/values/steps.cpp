#include "binding/values/steps.h"

#include <cstdint>
#include <utility>
#include <vector>

#include "binding/values/convert.h"
#include "binding/values/js_request.h"
#include "device/tensor_operations.h"

namespace tensorlane {
namespace {

Step to_step(const Napi::Object& given) {
  const JsRequest request(given);
  const auto has = [&](const char* name) { return !given.Get(name).IsUndefined(); };
  Step step;
  step.kind = request.choice<StepKind>("step");
  if (has("height")) step.height = request.size("height");
  if (has("width")) step.width = request.size("width");
  if (has("scale")) step.scale = request.number("scale");
  if (has("mean")) step.mean = request.numbers("mean");
  if (has("std")) step.deviation = request.numbers("std");
  if (has("swapRedBlue")) step.swap_red_blue = request.flag("swapRedBlue");
  if (has("from")) step.from = request.type("from");
  if (has("to")) step.to = request.type("to");
  if (has("k")) step.k = request.size("k");
  if (has("indices")) step.indices = request.text("indices");
  const bool fits = step.height <= ImageToTensorArgs::kMostSide && step.width <= ImageToTensorArgs::kMostSide &&
                    step.k <= TopKArgs::kMost;
  if (!fits) throw Error(Code::Argument, "a step's size is out of range");
  return step;
}

}  // namespace

StepsByName to_steps(const Napi::Value& given) {
  StepsByName all;
  if (given.IsUndefined()) return all;
  const Napi::Array values = to_array(given, "steps");
  for (std::uint32_t i = 0; i < values.Length(); ++i) {
    const Napi::Object value = to_object(values.Get(i), "steps of a value");
    const Napi::Array steps = to_array(value.Get("steps"), "steps");
    if (steps.Length() == 0) throw Error(Code::Argument, "at least one step is needed");
    std::vector<Step> made;
    for (std::uint32_t k = 0; k < steps.Length(); ++k) made.push_back(to_step(to_object(steps.Get(k), "a step")));
    all.emplace_back(value.Get("name").ToString(), std::move(made));
  }
  return all;
}

}  // namespace tensorlane
