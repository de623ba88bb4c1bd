#include "onnx/no_rows.h"

#include <algorithm>
#include <vector>

#include "core/error.h"
#include "onnx/graph/wire.h"

namespace tensorlane {
namespace {

const graph::Node* find_in(const std::vector<graph::Node>& nodes) {
  for (const graph::Node& node : nodes) {
    if (node.op == "TopK" && node.domain.empty()) return &node;
    for (const graph::Attribute& attribute : node.attributes) {
      if (attribute.graph == nullptr) continue;
      if (const graph::Node* found = find_in(attribute.graph->nodes); found != nullptr) return found;
    }
  }
  return nullptr;
}

}  // namespace

std::optional<std::string> node_that_needs_rows(const ModelSource& source) {
  try {
    const std::shared_ptr<const graph::ModelGraph> model = source.graph();
    const graph::Node* found = find_in(model->graph.nodes);
    for (const graph::Function& function : model->functions) {
      if (found == nullptr) found = find_in(function.nodes);
    }
    if (found == nullptr) return std::nullopt;
    return found->name.empty() ? found->outputs.at(0) : found->name;
  } catch (const graph::Malformed&) {
    return std::nullopt;
  }
}

void require_elements(std::span<const InputParts> inputs, std::span<const ValueInfo> infos, const std::string& node) {
  for (std::size_t i = 0; i < inputs.size(); ++i) {
    const std::vector<std::int64_t>& dims = inputs[i].dims;
    if (inputs[i].form != ValueForm::Tensor || std::find(dims.begin(), dims.end(), 0) == dims.end()) continue;
    throw Error(Code::Shape, "input '" + infos[i].name + "' has no elements, and the model's TopK node '" + node +
                                 "' cannot sort none: ONNX Runtime would end the process. Leave such requests out");
  }
}

}  // namespace tensorlane
