// Tells one graph from another, for findings that are kept.
#pragma once

#include <string>

#include "onnx/graph/graph.h"

namespace tensorlane::graph {

// 16 hexadecimal digits, of all that was read: the structure and the small tensors, not the weights, which do not say where rows go.
std::string digest(const ModelGraph& model);

}  // namespace tensorlane::graph
