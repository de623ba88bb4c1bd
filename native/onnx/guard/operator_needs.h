// What kernels of ONNX Runtime's use without a look at it, so that the process ends where it is not there (std::terminate, a division by
// zero, memory beyond the end), or a run never does: dimensions that a shape does not have, elements that a value does not have, sizes
// that do not fit each other. A row an operator; whatever has none looks for itself.
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "onnx/graph/graph.h"
#include "onnx/rows/fact.h"

namespace tensorlane {

// Of one input.
struct Need {
  static constexpr std::size_t kAnyRank = 1000;

  std::size_t least = 0, most = kAnyRank;
  std::uint32_t sizes = 0;  // a bit an axis: those of size 0 will not do

  [[nodiscard]] bool is_of_rank() const noexcept { return least > 0 || most < kAnyRank; }
  [[nodiscard]] bool is_of_size(std::size_t axis) const noexcept { return axis < 32 && (sizes >> axis & 1U) != 0; }
};

using Facts = std::span<const rows::Fact* const>;

// One an input, as far as there are any.
std::vector<Need> needs_of(const graph::Node& node, Facts inputs);

// What a node takes of its inputs that the model has to hold, as it holds others; as the rest of a sentence about the node.
std::optional<std::string> find_not_held(const graph::Node& node,
                                         const std::function<bool(const std::string&)>& is_held);

// Where that is known.
bool has_size_0(const rows::Fact* fact);

// Whether each of its inputs needs elements, wherever they come from.
bool needs_elements(const graph::Node& node);

// Which of its inputs' elements are numbers that its kernel computes with unseen, as find_misfit() looks at.
std::vector<std::size_t> counted_inputs(const graph::Node& node);

// What does not fit of the sizes of its inputs, or of those elements, where its kernel does not look at it and it is known; as the rest of a sentence that gives
// them to the node.
std::optional<std::string> find_misfit(const graph::Node& node, Facts inputs);
// Whether nothing else that these inputs may have could be such.
bool fits_surely(const graph::Node& node, Facts inputs);

// Errors: Model, for a graph with a node that ends the process while the model is loaded.
void require_loadable(const graph::ModelGraph& model);

}  // namespace tensorlane
