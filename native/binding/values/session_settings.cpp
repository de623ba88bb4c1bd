#include "binding/values/session_settings.h"

#include <string>
#include <utility>

#include "binding/values/convert.h"

namespace tensorlane {
namespace {

// Names and values, in turn.
template <typename Read>
auto to_pairs(const Napi::Value& given, Read read) {
  std::vector<std::pair<std::string, decltype(read(given))>> pairs;
  const Napi::Array array = to_array(given, "pairs");
  for (std::uint32_t i = 0; i + 1 < array.Length(); i += 2) {
    pairs.emplace_back(array.Get(i).ToString(), read(array.Get(i + 1)));
  }
  return pairs;
}

}  // namespace

SessionSettings to_session_settings(const Napi::Value& session, const Napi::Value& external_data,
                                    std::deque<Pin>& pins) {
  SessionSettings settings;
  if (!session.IsUndefined()) {
    const Napi::Object given = to_object(session, "session");
    const auto integer = [&](const char* name, std::optional<int>& to) {
      if (const Napi::Value value = given.Get(name); !value.IsUndefined()) to = static_cast<int>(to_int(value, name));
    };
    const auto flag = [&](const char* name, std::optional<bool>& to) {
      if (const Napi::Value value = given.Get(name); !value.IsUndefined()) to = value.ToBoolean();
    };
    const auto text = [&](const char* name, std::optional<std::string>& to) {
      if (const Napi::Value value = given.Get(name); !value.IsUndefined()) to = value.ToString();
    };
    integer("graphOptimizationLevel", settings.graph_optimization_level);
    flag("parallel", settings.parallel);
    integer("interOpNumThreads", settings.inter_op_threads);
    flag("enableCpuMemArena", settings.cpu_mem_arena);
    flag("enableMemPattern", settings.mem_pattern);
    text("logId", settings.log_id);
    integer("logSeverityLevel", settings.log_severity_level);
    integer("logVerbosityLevel", settings.log_verbosity_level);
    text("profileFilePrefix", settings.profile_file_prefix);
    text("optimizedModelFilePath", settings.optimized_model_file_path);
    settings.free_dimensions = to_pairs(given.Get("freeDimensions"), [](const Napi::Value& value) {
      return value.IsNumber() ? to_int(value, "a dimension") : std::int64_t{0};
    });
    settings.config_entries =
        to_pairs(given.Get("configEntries"), [](const Napi::Value& value) { return std::string(value.ToString()); });
    const Napi::Array libraries = to_array(given.Get("customOpsLibraries"), "customOpsLibraries");
    for (std::uint32_t i = 0; i < libraries.Length(); ++i) {
      settings.custom_ops_libraries.push_back(libraries.Get(i).ToString());
    }
  }
  if (!external_data.IsUndefined()) {
    const Napi::Array files = to_array(external_data, "externalData");
    for (std::uint32_t i = 0; i < files.Length(); ++i) {
      const Napi::Object file = to_object(files.Get(i), "externalData");
      pins.push_back(Pin::input(file.Get("data")));
      settings.external_data.push_back({file.Get("path").ToString(), pins.back().bytes()});
    }
  }
  return settings;
}

}  // namespace tensorlane
