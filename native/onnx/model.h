// A loaded model, run from any number of lanes at once: its inputs are made into the runtime's values on the calling
// lane, the session runs, and its outputs are handed on where they lie. Where there are steps before and after it, what callers
// give and get is theirs, and what the session takes and gives is the model's own.
#pragma once

#include <atomic>
#include <cstddef>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "core/lanes/lane.h"
#include "onnx/guard/shape_guard.h"
#include "onnx/runs/device_runs.h"
#include "onnx/runs/model_steps.h"
#include "onnx/runs/runs.h"
#include "onnx/session/session.h"
#include "onnx/values/values.h"

namespace tensorlane {

class Model {
 public:
  // `place` is the device of the lanes that will run it, where that has memory of its own. Errors: Model; Argument, for a provider that
  // there is not.
  Model(const ort::Runtime& runtime, const ModelSource& source, const ModelOptions& options, RunPlace place = {});

  // Behind those that every run needs, from overridable_from() on, the initializers that one may override.
  [[nodiscard]] const std::vector<ValueInfo>& inputs() const noexcept {
    return steps_ == nullptr ? own_inputs() : steps_->inputs();
  }
  [[nodiscard]] std::size_t overridable_from() const noexcept { return session_.overridable_from(); }
  [[nodiscard]] const std::vector<ValueInfo>& outputs() const noexcept {
    return steps_ == nullptr ? own_outputs() : steps_->outputs();
  }
  [[nodiscard]] const std::vector<ValueInfo>& own_inputs() const noexcept { return session_.inputs(); }
  [[nodiscard]] const std::vector<ValueInfo>& own_outputs() const noexcept { return session_.outputs(); }
  [[nodiscard]] const ModelSteps* steps() const noexcept { return steps_.get(); }
  [[nodiscard]] const ProviderInUse& provider() const noexcept { return session_.provider(); }
  [[nodiscard]] const std::optional<std::vector<NodePlacement>>& placement() const noexcept {
    return session_.placement();
  }

  // How many threads may compute a run, its lane's among them; and whether the others are shared with other models.
  [[nodiscard]] unsigned threads() const noexcept { return session_.threads(); }
  [[nodiscard]] bool shares_threads() const noexcept { return session_.shares_threads(); }

  // Runs on the calling lane. `inputs` are the model's, in its order, of which those that may be overridden may be
  // missing; `wanted` are indices of outputs. `alone`: threads that models share do not help. Errors: Model; Shape, for inputs that
  // the runtime would end the process for; NotSupported, for one in memory that the runtime cannot reach; Disposed;
  // OutOfMemory.
  std::vector<Output> run(Lane& lane, std::span<const InputParts> inputs, std::span<const std::size_t> wanted,
                          bool alone = false, const RunLog& log = {});
  // Without the steps: of the model's own inputs and outputs.
  std::vector<Output> run_own(Lane& lane, std::span<const InputParts> inputs, std::span<const std::size_t> wanted,
                              bool alone = false, const RunLog& log = {});

  // Whether runs may be such that the values lie in the memory of the lanes' device.
  [[nodiscard]] bool in_device_memory() const noexcept { return device_runs_ != nullptr; }
  // These outputs of these inputs; then run_there() is how, as DeviceRuns has it. Errors: also DeviceLost.
  [[nodiscard]] bool runs_there(std::span<const InputParts> inputs, std::span<const std::size_t> wanted) const;
  // `pads`: it may be run as one of more rows, of which the first are its own.
  void run_there(Lane& lane, std::span<const InputParts> inputs, std::span<const std::size_t> wanted, bool resident,
                 DeviceRuns::Deliver deliver, const RunLog& log = {}, bool pads = false);

  // Why no CUDA graphs are recorded, where they were asked for; empty: they can be.
  [[nodiscard]] const std::string& no_graphs() const noexcept { return session_.no_graphs(); }
  // On a lane of the device, as Graphs::capture has it; `rows` is of what callers give and get.
  void capture(Lane& lane, std::span<const InputParts> inputs, const Graphs::Rows& rows);
  [[nodiscard]] GraphCounters graph_counters() const;

  // Makes the runs in progress return early with an error, and later ones refuse, for a teardown that waits for them.
  // From any thread.
  void terminate() { runs_.terminate(); }

  // As the session says.
  std::string end_profiling() { return session_.end_profiling(*runtime_); }

 private:
  const ort::Runtime* runtime_;
  ShapeGuard shapes_;  // before the session: not every model may be loaded
  Session session_;
  std::unique_ptr<const ModelSteps> steps_;  // null: there are none
  Runs runs_;
  std::atomic<bool> runs_long_{false};       // see SharedThreads::Run
  std::unique_ptr<DeviceRuns> device_runs_;  // null: values lie in host memory
};

}  // namespace tensorlane
