// Inputs of a model whose elements, not only whose shapes, say whether a run ends the process: those that an operator's counted inputs are
// computed of (operator_needs.h), and those that an If's condition is, as the way that is not taken asks for nothing.
//
// Only small ones of int32, int64 and bools are read: conditions and lengths have one element. A model without such nodes has none.
#pragma once

#include <cstdint>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "onnx/graph/graph.h"
#include "onnx/values/values.h"

namespace tensorlane {

// By name.
std::set<std::string> deciding_inputs(const graph::ModelGraph& model);

// None where there are many, where they are of another type, or where they lie in memory that is not the host's.
std::optional<std::vector<std::int64_t>> few_elements(DType type, const InputParts& input);

}  // namespace tensorlane
