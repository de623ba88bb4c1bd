#include "onnx/session/session.h"

#include <algorithm>
#include <array>
#include <cstdio>
#include <iterator>
#include <numeric>
#include <set>
#include <string>
#include <utility>

#include "core/cores/cores.h"
#include "core/error.h"
#include "core/lanes/lane.h"
#include "onnx/graph/graph.h"
#include "onnx/graph/wire.h"
#include "onnx/guard/wrapping_division.h"
#include "onnx/threads/shared_threads.h"
#include "onnx/threads/threads.h"

namespace tensorlane {
namespace {

constexpr const char* kLoading = "loading the model";
constexpr const char* kReading = "reading the model";
constexpr const char* kOnCpu = "cpu";

// What the runtime hands through to create_thread is a pointer, so here is an int to point at for every niceness.
constexpr auto kNiceness = [] {
  std::array<int, 20> values{};
  std::iota(values.begin(), values.end(), 0);
  return values;
}();

void* create_thread(void* niceness, void (*work)(void*), void* argument) {
  return ort::start_thread(*static_cast<const int*>(niceness), work, argument);
}

// ONNX Runtime knows how long its threads should spin since 1.30; before, it could only be told to stop after each run.
bool bounds_spinning(const std::string& version) {
  unsigned major = 0;
  unsigned minor = 0;
  return std::sscanf(version.c_str(), "%u.%u", &major, &minor) == 2 && (major > 1 || minor >= 30);
}

// What a session has to have threads of its own for: a number of them, another niceness, or settings that are about them.
bool shares(const ort::Runtime& runtime, const ModelOptions& options) {
  if (runtime.shared_threads == nullptr || options.threads != 0) return false;
  if (options.niceness != runtime.shared_threads->niceness()) return false;
  const SessionSettings& settings = options.settings;
  if (settings.parallel.value_or(0) != 0 || settings.inter_op_threads.has_value()) return false;
  // Profiled threads still write to the profile of a session that the process leaves behind, when it ends.
  if (settings.profile_file_prefix.has_value()) return false;
  constexpr std::array kOfThreads{"session.intra_op", "session.inter_op", "session.force_spinning_stop",
                                  "session.dynamic_block_base", "session.set_denormal_as_zero"};
  return std::ranges::none_of(settings.config_entries, [&](const auto& entry) {
    return std::ranges::any_of(kOfThreads, [&](const char* prefix) { return entry.first.starts_with(prefix); });
  });
}

// `threads`: of each run, where they are not shared.
ort::OwnedSessionOptions make_options(const ort::Runtime& runtime, const ModelOptions& options, unsigned threads,
                                      bool shared) {
  const ort::Api& api = runtime.api;
  const ort::Attempt loading(runtime, kLoading);
  ort::OwnedSessionOptions made(api);
  loading(api.CreateSessionOptions(made.out()));
  if (shared) {
    loading(api.DisablePerSessionThreads(made.get()));
    return made;
  }
  loading(api.SetIntraOpNumThreads(made.get(), static_cast<int>(threads)));
  loading(api.SetInterOpNumThreads(made.get(), 1));
  // Between runs the runtime's threads wait as lanes do: for one caller's next request they are still awake, and soon
  // after that the cores belong to whoever has work. By default they would spin for milliseconds.
  if (bounds_spinning(runtime.version)) {
    const std::string micros = std::to_string(kPollWork.count());
    loading(api.AddSessionConfigEntry(made.get(), "session.intra_op.spin_duration_us", micros.c_str()));
  } else {
    loading(api.AddSessionConfigEntry(made.get(), "session.force_spinning_stop", "1"));
  }
  // Its threads stand back as far as the lanes do.
  int* niceness = const_cast<int*>(&kNiceness.at(static_cast<std::size_t>(options.niceness)));
  loading(api.SessionOptionsSetCustomCreateThreadFn(made.get(), create_thread));
  loading(api.SessionOptionsSetCustomThreadCreationOptions(made.get(), niceness));
  loading(api.SessionOptionsSetCustomJoinThreadFn(made.get(), ort::join_thread));
  return made;
}

// The inputs or the outputs, by the functions of the API that tell of them.
template <typename CountOf, typename NameOf, typename TypeOf>
std::vector<ValueInfo> describe(const ort::Runtime& runtime, const ort::Session* session, CountOf count_of,
                                NameOf name_of, TypeOf type_of) {
  const ort::Attempt reading(runtime, kReading);
  std::size_t count = 0;
  reading(count_of(session, &count));
  std::vector<ValueInfo> values;
  for (std::size_t i = 0; i < count; ++i) {
    char* text = nullptr;
    reading(name_of(session, i, runtime.allocator, &text));
    std::string name = text;
    reading(runtime.api.AllocatorFree(runtime.allocator, text));
    ort::OwnedTypeInfo type(runtime.api);
    reading(type_of(session, i, type.out()));
    values.push_back({read_value_type(runtime, type.get()), std::move(name)});
  }
  return values;
}

// The runtime tells of no rank where a value has none and where it may have any; the graph tells which. One that cannot be
// read (in ONNX Runtime's own format, say) leaves it open.
void find_unranked(const ModelSource& source, std::vector<ValueInfo>& inputs, std::vector<ValueInfo>& outputs) {
  const auto in_doubt = [](const ValueInfo& value) { return value.kind == ValueKind::Tensor && value.dims.empty(); };
  if (std::ranges::none_of(inputs, in_doubt) && std::ranges::none_of(outputs, in_doubt)) return;
  std::set<std::string> scalars;
  try {
    const auto model = source.graph();
    const auto add = [&](const std::vector<graph::Value>& values) {
      for (const graph::Value& value : values) {
        if (value.shape.has_value() && value.shape->empty()) scalars.insert(value.name);
      }
    };
    add(model->graph.inputs);
    add(model->graph.outputs);
  } catch (const graph::Malformed&) {
    scalars.clear();
  }
  for (auto* values : {&inputs, &outputs}) {
    for (ValueInfo& value : *values) {
      if (in_doubt(value)) value.ranked = scalars.contains(value.name);
    }
  }
}

// The runtime says nothing of a name that the model does not have. Errors: Argument.
void check_free_dimensions(const ModelSource& source, const SessionSettings& settings) {
  if (settings.free_dimensions.empty()) return;
  std::set<std::string> names;
  try {
    for (const graph::Value& input : source.graph()->graph.inputs) {
      for (const graph::Dim& dim : input.shape.value_or(graph::Shape{})) {
        if (!dim.name.empty()) names.insert(dim.name);
      }
    }
  } catch (const graph::Malformed&) {
    return;  // ONNX Runtime's own format: it is not known what it has
  }
  for (const auto& [name, size] : settings.free_dimensions) {
    if (names.contains(name)) continue;
    std::string known;
    for (const std::string& one : names) known += (known.empty() ? "it has '" : ", '") + one + "'";
    throw Error(Code::Argument, "session.freeDimensionOverrides: no input has a free dimension '" + name + "'; " +
                                    (known.empty() ? "none has one with a name" : known));
  }
}

}  // namespace

Session::Session(const ort::Runtime& runtime, const ModelSource& source, const ModelOptions& options)
    : session_(runtime.api),
      threads_(options.threads == 0 ? usable_cores() : options.threads),
      shares_threads_(shares(runtime, options)) {
  const ort::Api& api = runtime.api;
  try {
    load(runtime, source, options);
  } catch (const Error& error) {
    // What the model itself is to blame for comes back from the CPU, too.
    if (provider_.name.empty() || provider_.name == kOnCpu || !may_fall_back(options.providers)) throw;
    const std::string reason = "ONNX Runtime made no session on '" + provider_.name + "': " + error.what();
    load(runtime, source, options, {}, false);
    provider_.fallback_reason = reason;
    if (options.graphs) no_graphs_ = "it runs on the CPU";
  }
  check_free_dimensions(source, options.settings);
  inputs_ = describe(runtime, get(), api.SessionGetInputCount, api.SessionGetInputName, api.SessionGetInputTypeInfo);
  overridable_from_ = inputs_.size();
  std::ranges::move(describe(runtime, get(), api.SessionGetOverridableInitializerCount,
                             api.SessionGetOverridableInitializerName, api.SessionGetOverridableInitializerTypeInfo),
                    std::back_inserter(inputs_));
  outputs_ =
      describe(runtime, get(), api.SessionGetOutputCount, api.SessionGetOutputName, api.SessionGetOutputTypeInfo);
  find_unranked(source, inputs_, outputs_);
}

void Session::load(const ort::Runtime& runtime, const ModelSource& source, const ModelOptions& options,
                   const std::vector<ProviderRequest>& providers, bool graphs) {
  const ort::Api& api = runtime.api;
  // Here, as loading computes what can be, and on the threads that are made for it.
  ort::wrap_division_in(reinterpret_cast<const void*>(api.CreateSession));
  const auto made = make_options(runtime, options, threads_, shares_threads_);
  provider_ = add_providers(runtime, made.get(), providers, graphs);
  const bool only_cpu = provider_.name == kOnCpu;
  if (!only_cpu) record_placement(runtime, made.get());
  apply_settings(runtime, made.get(), options.settings);
  const ort::Attempt loading(runtime, kLoading);
  if (const std::string* path = source.path()) {
    loading(api.CreateSession(runtime.env, path->c_str(), made.get(), session_.out()));
  } else {
    const auto bytes = source.bytes();
    loading(api.CreateSessionFromArray(runtime.env, bytes.data(), bytes.size(), made.get(), session_.out()));
  }
  if (!only_cpu) placement_ = read_placement(runtime, get());
}

void Session::load(const ort::Runtime& runtime, const ModelSource& source, const ModelOptions& options) {
  if (!options.graphs) return load(runtime, source, options, options.providers, false);
  try {
    load(runtime, source, options, options.providers, true);
    captures_ = provider_.device != nullptr;
    if (captures_) return;
    const bool on_cpu = provider_.name == kOnCpu;
    no_graphs_ =
        on_cpu ? "it runs on the CPU" : "ONNX Runtime's own '" + provider_.name + "' is given values in host memory";
    // One that comes behind it was told to record all the same.
    if (!on_cpu || options.providers.back().name != kOnCpu) load(runtime, source, options, options.providers, false);
  } catch (const Error& error) {
    // Where it is not for the graphs, it fails once more.
    no_graphs_ = error.what();
    load(runtime, source, options, options.providers, false);
  }
}

std::string Session::end_profiling(const ort::Runtime& runtime) {
  const ort::Attempt ending(runtime, "ending the profile");
  char* text = nullptr;
  ending(runtime.api.SessionEndProfiling(get(), runtime.allocator, &text));
  std::string path = text;
  ending(runtime.api.AllocatorFree(runtime.allocator, text));
  return path;
}

}  // namespace tensorlane
