// One node at a time: what its inputs are known to be, and what a rule says its outputs are.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "onnx/graph/graph.h"
#include "onnx/rows/fact.h"

namespace tensorlane::rows {

class Step {
 public:
  // `inputs` are those of the node; null where one is left out.
  Step(const graph::Node& node, std::vector<const Fact*> inputs, std::int64_t opset, Symbols& symbols)
      : node_(node), inputs_(std::move(inputs)), opset_(opset), symbols_(symbols), outputs_(node.outputs.size()) {}

  // The same node, with another fact for one of its inputs, which must outlive it.
  [[nodiscard]] Step with(std::size_t input, const Fact& fact) const {
    Step other = *this;
    other.inputs_.at(input) = &fact;
    return other;
  }

  [[nodiscard]] const graph::Node& node() const noexcept { return node_; }
  [[nodiscard]] std::int64_t opset() const noexcept { return opset_; }
  [[nodiscard]] Symbols& symbols() noexcept { return symbols_; }

  [[nodiscard]] std::size_t inputs() const noexcept { return inputs_.size(); }
  // Null where it is left out.
  [[nodiscard]] const Fact* input(std::size_t i) const { return i < inputs_.size() ? inputs_[i] : nullptr; }
  // Whether all inputs but these are the same for all rows, where they are there.
  [[nodiscard]] bool others_shared(std::initializer_list<std::size_t> but) const;
  // The integers of a shared input, where they are known and none of them is a number of rows.
  [[nodiscard]] std::optional<std::vector<std::int64_t>> integers(std::size_t i) const;

  [[nodiscard]] const graph::Attribute* attribute(std::string_view name) const;
  [[nodiscard]] std::int64_t integer(std::string_view name, std::int64_t otherwise) const;
  [[nodiscard]] std::optional<std::vector<std::int64_t>> list(std::string_view name) const;

  void set(std::size_t output, Fact fact);
  void set_all(const Fact& fact);
  // All outputs: "... by MatMul 'name'".
  void mixes(const std::string& what) { set_all(Fact::mixed(by(what))); }
  void doubts(const std::string& what) { set_all(Fact::doubtful(by(what))); }

  [[nodiscard]] std::vector<Fact>& outputs() noexcept { return outputs_; }

 private:
  [[nodiscard]] std::string by(const std::string& what) const;

  const graph::Node& node_;
  std::vector<const Fact*> inputs_;
  std::int64_t opset_;
  Symbols& symbols_;
  std::vector<Fact> outputs_;
};

// Sets the outputs of nodes of one operator, of whose inputs none is Mixed or Doubtful.
using Apply = void (*)(Step& step);

struct Rule {
  Apply apply;
  std::size_t inputs;  // so many are there
};

// Null where there is none: then nothing is known of the operator.
const Rule* find_rule(std::string_view domain, std::string_view op);

// An axis counted from the end, from the start; none where the rank has no such axis.
std::optional<std::size_t> from_start(std::int64_t axis, std::size_t rank);

// Whether a small tensor of integers holds the number of rows.
bool counts_rows(const Fact& fact);

// What comes of operands of these inputs that are broadcast together, element by element: the fact of the result, without elements.
Fact broadcast(Step& step, std::span<const Fact* const> operands);

}  // namespace tensorlane::rows
