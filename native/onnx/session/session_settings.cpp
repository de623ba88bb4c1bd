#include "onnx/session/session_settings.h"

namespace tensorlane {
namespace {

void add_external_data(const ort::Runtime& runtime, ort::SessionOptions* options,
                       const std::vector<ExternalData>& all) {
  if (all.empty()) return;
  std::vector<const char*> paths;
  std::vector<char*> bytes;
  std::vector<std::size_t> lengths;
  for (const ExternalData& one : all) {
    paths.push_back(one.path.c_str());
    // Only read, whatever the API's type says.
    bytes.push_back(reinterpret_cast<char*>(const_cast<std::byte*>(one.bytes.data())));
    lengths.push_back(one.bytes.size());
  }
  const ort::Attempt adding(runtime, "adding external data");
  adding(runtime.api.AddExternalInitializersFromFilesInMemory(options, paths.data(), bytes.data(), lengths.data(),
                                                              all.size()));
}

}  // namespace

void apply_settings(const ort::Runtime& runtime, ort::SessionOptions* options, const SessionSettings& settings) {
  const ort::Api& api = runtime.api;
  const ort::Attempt setting(runtime, "setting up the session");
  const auto set = [&](const auto& value, auto function) {
    if (value.has_value()) setting(function(options, *value));
  };
  const auto set_text = [&](const std::optional<std::string>& value, auto function) {
    if (value.has_value()) setting(function(options, value->c_str()));
  };
  const auto switch_to = [&](const std::optional<bool>& value, auto on, auto off) {
    if (value.has_value()) setting((*value ? on : off)(options));
  };
  set(settings.graph_optimization_level, api.SetSessionGraphOptimizationLevel);
  set(settings.parallel, api.SetSessionExecutionMode);
  set(settings.inter_op_threads, api.SetInterOpNumThreads);
  switch_to(settings.cpu_mem_arena, api.EnableCpuMemArena, api.DisableCpuMemArena);
  switch_to(settings.mem_pattern, api.EnableMemPattern, api.DisableMemPattern);
  set_text(settings.log_id, api.SetSessionLogId);
  set(settings.log_severity_level, api.SetSessionLogSeverityLevel);
  set(settings.log_verbosity_level, api.SetSessionLogVerbosityLevel);
  set_text(settings.profile_file_prefix, api.EnableProfiling);
  set_text(settings.optimized_model_file_path, api.SetOptimizedModelFilePath);
  for (const auto& [name, size] : settings.free_dimensions) {
    setting(api.AddFreeDimensionOverrideByName(options, name.c_str(), size));
  }
  for (const std::string& path : settings.custom_ops_libraries) {
    setting(api.RegisterCustomOpsLibrary_V2(options, path.c_str()));
  }
  for (const auto& [key, value] : settings.config_entries) {
    setting(api.AddSessionConfigEntry(options, key.c_str(), value.c_str()));
  }
  add_external_data(runtime, options, settings.external_data);
}

}  // namespace tensorlane
