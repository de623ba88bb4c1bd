// A model as ONNX Runtime has loaded it: one session with one copy of the weights, what it computes with, and what it
// takes and gives. Nothing of it changes once it is made, so any number of lanes may use it at once.
#pragma once

#include <cstddef>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "device/steps.h"
#include "onnx/runtime/provider.h"
#include "onnx/runtime/runtime.h"
#include "onnx/session/model_source.h"
#include "onnx/session/placement.h"
#include "onnx/session/session_settings.h"
#include "onnx/values/value_type.h"

namespace tensorlane {

struct ModelOptions {
  unsigned threads =
      0;             // cores one run may use; 0: all, of threads that are shared with other models where that can be
  int niceness = 0;  // 0 to 19, of the runtime's threads
  std::vector<ProviderRequest> providers{};  // in order; none: the CPU
  SessionSettings settings{};
  bool graphs = false;  // the provider is to record CUDA graphs, where it can
  // Not the session's: what the model does before and after it.
  StepsByName before{}, after{};
};

class Session {
 public:
  // Errors: Model; Argument, for a free dimension that there is not, and as add_providers has them.
  Session(const ort::Runtime& runtime, const ModelSource& source, const ModelOptions& options);

  [[nodiscard]] ort::Session* get() const noexcept { return session_.get(); }
  // Writes the trace of a session that is profiled to its file, and profiles no more. Its path; empty where there is none.
  // From any thread. Errors: Model.
  std::string end_profiling(const ort::Runtime& runtime);
  [[nodiscard]] const ProviderInUse& provider() const noexcept { return provider_; }
  // Of a model that runs on more than the CPU, where the runtime tells of it.
  [[nodiscard]] const std::optional<std::vector<NodePlacement>>& placement() const noexcept { return placement_; }
  // Whether runs are recorded and repeated by ids (runs/graphs.h), and why not where that was asked for.
  [[nodiscard]] bool captures() const noexcept { return captures_; }
  [[nodiscard]] const std::string& no_graphs() const noexcept { return no_graphs_; }
  void set_no_graphs(std::string reason) { no_graphs_ = std::move(reason); }
  // As the model's.
  [[nodiscard]] unsigned threads() const noexcept { return threads_; }
  [[nodiscard]] bool shares_threads() const noexcept { return shares_threads_; }
  // What every run is given; behind them, from overridable_from() on, the initializers that one may be given another
  // value for.
  [[nodiscard]] const std::vector<ValueInfo>& inputs() const noexcept { return inputs_; }
  [[nodiscard]] std::size_t overridable_from() const noexcept { return overridable_from_; }
  [[nodiscard]] const std::vector<ValueInfo>& outputs() const noexcept { return outputs_; }

 private:
  void load(const ort::Runtime& runtime, const ModelSource& source, const ModelOptions& options,
            const std::vector<ProviderRequest>& providers, bool graphs);
  // With graphs where they are asked for and can be had.
  void load(const ort::Runtime& runtime, const ModelSource& source, const ModelOptions& options);

  ort::OwnedSession session_;
  ProviderInUse provider_;
  std::optional<std::vector<NodePlacement>> placement_;
  bool captures_ = false;
  std::string no_graphs_;
  unsigned threads_;
  bool shares_threads_;
  std::vector<ValueInfo> inputs_;
  std::size_t overridable_from_ = 0;
  std::vector<ValueInfo> outputs_;
};

}  // namespace tensorlane
