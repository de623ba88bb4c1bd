// Whether a model can run the rows of several requests together: its rows are followed from the inputs through the graph to the
// outputs, node by node. Whatever is not seen to keep them apart counts as mixing them, or as not known.
#pragma once

#include <cstddef>
#include <map>
#include <optional>
#include <string>

#include "onnx/graph/graph.h"

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
};

// Inputs and outputs that are not named in `axes` have them along axis 0.
Finding follow_rows(const graph::ModelGraph& model, const Axes& inputs, const Axes& outputs);

}  // namespace tensorlane::rows
