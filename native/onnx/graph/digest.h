// Tells one graph from another, for findings that are kept.
#pragma once

#include <string>

#include "onnx/graph/graph.h"

namespace tensorlane::graph {

// 16 hexadecimal digits, of all that was read: the structure, the small tensors and the beginnings of the weights, but of those in files of
// their own, which are not opened for it.
std::string digest(const ModelGraph& model);

}  // namespace tensorlane::graph
