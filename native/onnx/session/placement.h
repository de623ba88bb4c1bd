// Which provider runs which node of a model, as the session was made. The runtime gives a provider what it can run and the CPU the
// rest, and nothing else tells of it.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "onnx/runtime/runtime.h"

namespace tensorlane {

struct NodePlacement {
  std::string provider;  // by ONNX Runtime's name
  std::string node;      // as the rewritten graph has it; may be empty
  std::string op;
};

// Makes the session tell of it; nothing where the runtime is older than 1.24. Errors: Model.
void record_placement(const ort::Runtime& runtime, ort::SessionOptions* options);

// None where the session was not made to tell of it.
std::optional<std::vector<NodePlacement>> read_placement(const ort::Runtime& runtime, const ort::Session* session);

}  // namespace tensorlane
