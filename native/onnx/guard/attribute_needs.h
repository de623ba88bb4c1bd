// What ONNX Runtime takes of a node's attributes without a look at it, so that the process ends, or a run never does: numbers that are
// divided by, that are beyond an int, or that a standard library asserts. A row an attribute; whatever has none is looked at there.
#pragma once

#include <optional>
#include <string>

#include "onnx/graph/graph.h"

namespace tensorlane {

// What is wrong of an attribute, as the rest of a sentence about the node. One that stands for its caller's is not looked at.
std::optional<std::string> find_wrong_attribute(const graph::Node& node);

}  // namespace tensorlane
