// Whether a model keeps the rows of a batch apart, by trial: a row alone is compared with the same row among others, where its
// graph does not say. It shows what these runs show, and no more.
#pragma once

#include <cstddef>
#include <optional>
#include <string>
#include <vector>

#include "core/lanes/lane.h"
#include "onnx/model.h"
#include "onnx/rows/follow.h"

namespace tensorlane {

// An input as one row has it: its batch dimension, where it has one, is 1.
struct TrialInput {
  std::vector<std::int64_t> dims;
  std::optional<std::size_t> axis;
  std::vector<std::byte> bytes;
  std::vector<std::string> strings;
};

// Runs the row alone, and beside its like in another order, zeros, huge and tiny numbers, infinities and NaN; compares to rounding.
// `inputs` are all of the model's, in its order; `axes` are those of its outputs. A run that fails leaves it in doubt. Errors: Disposed.
rows::Finding try_rows(Model& model, Lane& lane, const std::vector<TrialInput>& inputs,
                       const std::vector<std::optional<std::size_t>>& axes);

}  // namespace tensorlane
