// Graphs that a node repeats, Loop and Scan: what is known of their values each time, until that is what it was the time before.
#pragma once

#include <functional>
#include <vector>

#include "onnx/graph/graph.h"
#include "onnx/rows/step.h"

namespace tensorlane::rows {

// The facts of a body's outputs, whose inputs these are: one for each.
using RunBody = std::function<std::vector<Fact>(const graph::Graph& body, const std::vector<Fact>& inputs)>;

void follow_loop(Step& step, const RunBody& run);
void follow_scan(Step& step, const RunBody& run);

// What holds of both.
Fact either(const Fact& a, const Fact& b, Symbols& symbols);

}  // namespace tensorlane::rows
