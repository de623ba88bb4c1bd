#include "onnx/session/placement.h"

#include <span>

namespace tensorlane {

void record_placement(const ort::Runtime& runtime, ort::SessionOptions* options) {
  if (runtime.api.Session_GetEpGraphAssignmentInfo == nullptr) return;
  const ort::Attempt setting(runtime, "setting up the session");
  setting(runtime.api.AddSessionConfigEntry(options, "session.record_ep_graph_assignment_info", "1"));
}

std::optional<std::vector<NodePlacement>> read_placement(const ort::Runtime& runtime, const ort::Session* session) {
  const ort::Api& api = runtime.api;
  if (api.Session_GetEpGraphAssignmentInfo == nullptr) return std::nullopt;
  const ort::EpAssignedSubgraph* const* parts = nullptr;
  std::size_t count = 0;
  if (ort::Status* status = api.Session_GetEpGraphAssignmentInfo(session, &parts, &count)) {
    api.ReleaseStatus(status);  // the user's own settings say that nothing is recorded
    return std::nullopt;
  }
  const ort::Attempt reading(runtime, "reading which provider runs what");
  std::vector<NodePlacement> placements;
  for (const ort::EpAssignedSubgraph* part : std::span(parts, count)) {
    const char* provider = nullptr;
    reading(api.EpAssignedSubgraph_GetEpName(part, &provider));
    const ort::EpAssignedNode* const* nodes = nullptr;
    std::size_t node_count = 0;
    reading(api.EpAssignedSubgraph_GetNodes(part, &nodes, &node_count));
    for (const ort::EpAssignedNode* node : std::span(nodes, node_count)) {
      const char* name = nullptr;
      const char* op = nullptr;
      reading(api.EpAssignedNode_GetName(node, &name));
      reading(api.EpAssignedNode_GetOperatorType(node, &op));
      placements.push_back({provider, name, op});
    }
  }
  return placements;
}

}  // namespace tensorlane
