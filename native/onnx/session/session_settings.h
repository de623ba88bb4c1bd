// What a user may set of a session: ONNX Runtime's own settings, under onnxruntime-node's names.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include "onnx/runtime/runtime.h"

namespace tensorlane {

// Weights that a model keeps in a file, by the name that the model has for it.
struct ExternalData {
  std::string path;
  std::span<const std::byte> bytes;  // which may go away once the model is loaded
};

// What is left out stays as the runtime has it.
struct SessionSettings {
  std::optional<int> graph_optimization_level;
  std::optional<bool> parallel;
  std::optional<int> inter_op_threads;
  std::optional<bool> cpu_mem_arena;
  std::optional<bool> mem_pattern;
  std::optional<std::string> log_id;
  std::optional<int> log_severity_level;
  std::optional<int> log_verbosity_level;
  std::optional<std::string> profile_file_prefix;
  std::optional<std::string> optimized_model_file_path;
  std::vector<std::pair<std::string, std::int64_t>> free_dimensions;  // by name
  std::vector<std::string> custom_ops_libraries;
  std::vector<std::pair<std::string, std::string>> config_entries;
  std::vector<ExternalData> external_data;
};

// Errors: Model.
void apply_settings(const ort::Runtime& runtime, ort::SessionOptions* options, const SessionSettings& settings);

}  // namespace tensorlane
