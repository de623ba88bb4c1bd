#include "onnx/examine.h"

#include <string>
#include <variant>

#include "onnx/graph/wire.h"

namespace tensorlane {

rows::Finding examine(const ModelSource& source, const rows::Axes& inputs, const rows::Axes& outputs) {
  try {
    const auto model = std::visit([](const auto& from) { return graph::read_model(from); }, source);
    return rows::follow_rows(model, inputs, outputs);
  } catch (const graph::Malformed& problem) {
    return {rows::Verdict::Doubtful, std::string("its graph cannot be read: ") + problem.what()};
  }
}

}  // namespace tensorlane
