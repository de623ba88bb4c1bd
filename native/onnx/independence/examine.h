// Whether a model keeps the rows of a batch apart, by its graph, which is read beside ONNX Runtime.
#pragma once

#include <memory>
#include <span>
#include <string>

#include "onnx/graph/graph.h"
#include "onnx/rows/follow.h"
#include "onnx/session/model_source.h"
#include "onnx/session/session_settings.h"

namespace tensorlane {

// Nothing of it changes once it is made: any thread may use it.
class Examination {
 public:
  // `external`: weights that are given in memory, instead of in files. A graph that cannot be read (in ONNX Runtime's own format, say)
  // leaves it in doubt.
  Examination(const ModelSource& source, rows::Axes inputs, rows::Axes outputs,
              std::span<const ExternalData> external = {});

  // What holds of all inputs.
  [[nodiscard]] const rows::Finding& finding() const noexcept { return finding_; }
  // What holds of these, where the finding may change.
  [[nodiscard]] rows::Finding of(const rows::Known& known) const;
  // The same for the same graph and the same axes: its digest in hexadecimal, and theirs; empty where it cannot be read.
  [[nodiscard]] const std::string& digest() const noexcept { return digest_; }

 private:
  rows::Axes inputs_;
  rows::Axes outputs_;
  std::shared_ptr<const graph::ModelGraph> graph_;  // kept where the finding may change
  rows::Finding finding_;
  std::string digest_;
};

}  // namespace tensorlane
