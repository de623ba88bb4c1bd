// Whether a model can run the rows of several requests together: its rows are followed from the inputs through the graph to the
// outputs, node by node. Whatever is not seen to keep them apart counts as mixing them, or as not known.
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <map>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "onnx/graph/graph.h"
#include "onnx/rows/fact.h"

namespace tensorlane::rows {

// Which axis the rows lie along, by the names of inputs or of outputs; none where a value is not of the batch.
using Axes = std::map<std::string, std::optional<std::size_t>>;

enum class Verdict {
  Independent,  // each row's outputs come of its inputs alone
  Mixed,        // they may not
  Doubtful,     // the graph does not say
};

struct Finding {
  Verdict verdict = Verdict::Independent;
  std::string reason;  // of what is not independent: which node does what
  // It may be another where more is known of the inputs.
  bool may_change = false;
};

// What is known of an input beyond what the model declares.
struct Given {
  std::vector<std::int64_t> dims;  // that of the batch may be any
  // Of a small tensor of integers or bools that is the same for all rows.
  std::optional<std::vector<std::int64_t>> elements;
};

using Known = std::map<std::string, Given>;  // by the names of inputs

// Inputs and outputs that are not named in their axes have the rows along axis 0.
Finding follow_rows(const graph::ModelGraph& model, const Axes& inputs, const Axes& outputs, const Known& known = {});

// A node, and what it takes: null where an input is left out. It may not run in a branch of an If that may go either way, and in a loop.
using Visit = std::function<void(const graph::Node&, std::span<const Fact* const> inputs, bool runs_surely)>;

// Follows shapes alone, from those of the inputs as they are known, or declared. What is in a loop may be visited several times.
void follow_shapes(const graph::ModelGraph& model, const Known& known, const Visit& visit);

}  // namespace tensorlane::rows
