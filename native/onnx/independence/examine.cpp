#include "onnx/independence/examine.h"

#include <string>
#include <utility>

#include "onnx/graph/digest.h"
#include "onnx/graph/external_files.h"
#include "onnx/graph/wire.h"

namespace tensorlane {
namespace {

// The axes that are not the leading ones: a finding holds for those that it was made with.
std::string said(const rows::Axes& axes) {
  std::string text;
  for (const auto& [name, axis] : axes) {
    text.append("; ").append(name).append(" ").append(axis.has_value() ? std::to_string(*axis) : "none");
  }
  return text;
}

}  // namespace

Examination::Examination(const ModelSource& source, rows::Axes inputs, rows::Axes outputs,
                         std::span<const ExternalData> external)
    : inputs_(std::move(inputs)), outputs_(std::move(outputs)) {
  try {
    graph_ = source.graph();
    graph::ExternalFiles files(source.path());
    for (const ExternalData& file : external) files.give(file.path, file.bytes);
    const auto sum_of = [&files](const graph::External& weights) { return files.sum_of(weights); };
    digest_ = graph::digest(*graph_, sum_of) + said(inputs_) + said(outputs_);
    finding_ = rows::follow_rows(*graph_, inputs_, outputs_);
  } catch (const graph::Malformed& problem) {
    finding_ = {rows::Verdict::Doubtful, std::string("its graph cannot be read: ") + problem.what()};
  }
  if (!finding_.may_change) graph_.reset();
}

rows::Finding Examination::of(const rows::Known& known) const {
  return graph_ != nullptr ? rows::follow_rows(*graph_, inputs_, outputs_, known) : finding_;
}

}  // namespace tensorlane
