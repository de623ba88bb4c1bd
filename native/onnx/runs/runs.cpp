#include "onnx/runs/runs.h"

#include "core/error.h"

namespace tensorlane {

Runs::Run::Run(Runs& runs, const RunLog& log, int graph) : runs_(runs), options_(runs.runtime_->api) {
  const ort::Api& api = runs.runtime_->api;
  const ort::Attempt running(*runs.runtime_, ort::kRunning);
  running(api.CreateRunOptions(options_.out()));
  if (log.severity_level) running(api.RunOptionsSetRunLogSeverityLevel(options_.get(), *log.severity_level));
  if (log.verbosity_level) running(api.RunOptionsSetRunLogVerbosityLevel(options_.get(), *log.verbosity_level));
  if (log.tag) running(api.RunOptionsSetRunTag(options_.get(), log.tag->c_str()));
  if (runs.turns_) {
    // ONNX Runtime would record one that brings no id.
    running(api.AddRunConfigEntry(options_.get(), "gpu_graph_id", std::to_string(graph).c_str()));
    turn_ = std::unique_lock(runs.turn_);
  }
  const std::lock_guard lock(runs.mutex_);
  if (runs.terminated_) throw Error(Code::Disposed, "the model is being torn down");
  runs.in_progress_.insert(options_.get());
}

Runs::Run::~Run() {
  const std::lock_guard lock(runs_.mutex_);
  runs_.in_progress_.erase(options_.get());
}

void Runs::terminate() {
  const ort::Api& api = runtime_->api;
  const std::lock_guard lock(mutex_);
  terminated_ = true;
  for (ort::RunOptions* run : in_progress_) {
    if (ort::Status* status = api.RunOptionsSetTerminate(run)) api.ReleaseStatus(status);
  }
}

}  // namespace tensorlane
