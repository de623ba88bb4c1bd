// Where following rows begins and ends: what an input is as it is given or declared, and what is found of an output.
#pragma once

#include <cstddef>
#include <optional>
#include <set>
#include <string>

#include "onnx/graph/graph.h"
#include "onnx/rows/fact.h"
#include "onnx/rows/follow.h"

namespace tensorlane::rows {

// 0 where the value is not named.
std::optional<std::size_t> axis_of(const Axes& axes, const std::string& name);

// The names of the dimensions that are the batch.
std::set<std::string> batch_names(const graph::ModelGraph& model, const Axes& axes);

// An input as it comes: the same for all rows, or with the rows along its axis.
Fact fact_of(const Given& given, std::optional<std::size_t> axis);

// An input of which no more is known than what the model says.
Fact declared(const graph::Value& input, std::optional<std::size_t> axis, const std::set<std::string>& batch_names,
              Symbols& symbols);

// `fact` is null where nothing makes the output.
Finding judge(const graph::Value& output, const Fact* fact, std::optional<std::size_t> axis);

}  // namespace tensorlane::rows
