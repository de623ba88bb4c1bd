// What ONNX Runtime ends the process for, found before it runs: its TopK divides by the number of the rows that it sorts, so that a
// tensor without any is SIGFPE, which nobody could catch.
#pragma once

#include <optional>
#include <span>
#include <string>

#include "onnx/model_source.h"
#include "onnx/values.h"

namespace tensorlane {

// The name of a node that must not be given an empty tensor, wherever in the model it is: in a subgraph or a function, too. None where
// the graph cannot be read.
std::optional<std::string> node_that_needs_rows(const ModelSource& source);

// Errors: Shape, for an input without elements.
void require_elements(std::span<const InputParts> inputs, std::span<const ValueInfo> infos, const std::string& node);

}  // namespace tensorlane
