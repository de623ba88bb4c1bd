#include "onnx/session/model_source.h"

#include "onnx/graph/wire.h"

namespace tensorlane {

std::shared_ptr<const graph::ModelGraph> ModelSource::graph() const {
  const std::scoped_lock lock(mutex_);
  if (graph_ == nullptr && !problem_.has_value()) {
    try {
      graph_ = std::make_shared<const graph::ModelGraph>(
          std::visit([](const auto& from) { return graph::read_model(from); }, from_));
    } catch (const graph::Malformed& problem) {
      problem_ = problem.what();
    }
  }
  if (problem_.has_value()) throw graph::Malformed(*problem_);
  return graph_;
}

}  // namespace tensorlane
