// Tells one graph from another, for findings that are kept.
#pragma once

#include <cstdint>
#include <functional>
#include <string>

#include "onnx/graph/graph.h"

namespace tensorlane::graph {

// Says which bytes a tensor in a file of its own begins with, as their sum; where it is left out, they do not count.
using SumOfExternal = std::function<std::uint64_t(const External&)>;

// 16 hexadecimal digits, of all that was read: the structure, the small tensors and the beginnings of the weights.
std::string digest(const ModelGraph& model, SumOfExternal sum_of_external = {});

}  // namespace tensorlane::graph
