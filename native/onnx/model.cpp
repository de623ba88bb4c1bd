#include "onnx/model.h"

#include <algorithm>
#include <utility>

#include "core/error.h"
#include "onnx/threads/shared_threads.h"

namespace tensorlane {

namespace {

// Without graphs where they could not be used: the provider would record runs all the same.
Session make_session(const ort::Runtime& runtime, const ModelSource& source, const ModelOptions& options,
                     const RunPlace& place) {
  Session session(runtime, source, options);
  if (!session.captures()) return session;
  const auto is_numbers = [](const ValueInfo& info) {
    return info.kind == ValueKind::Tensor && info.type != DType::String;
  };
  const bool of_numbers =
      std::ranges::all_of(session.inputs(), is_numbers) && std::ranges::all_of(session.outputs(), is_numbers);
  const bool there = DeviceRuns::possible(runtime, session, place);
  if (of_numbers && there) return session;
  ModelOptions plain = options;
  plain.graphs = false;
  Session without(runtime, source, plain);
  without.set_no_graphs(there ? "not all of its inputs and outputs are tensors of numbers"
                              : "its inputs and outputs do not all lie in the device's memory");
  return without;
}

}  // namespace

Model::Model(const ort::Runtime& runtime, const ModelSource& source, const ModelOptions& options, RunPlace place)
    : runtime_(&runtime),
      shapes_(source),
      session_(make_session(runtime, source, options, place)),
      runs_(runtime, session_.captures()) {
  if (!options.before.empty() || !options.after.empty()) {
    steps_ = std::make_unique<const ModelSteps>(session_, options.before, options.after, place);
  }
  if (!DeviceRuns::possible(runtime, session_, place)) return;
  device_runs_ = std::make_unique<DeviceRuns>(runtime, session_, provider().device, std::move(place.runs));
}

bool Model::runs_there(std::span<const InputParts> inputs, std::span<const std::size_t> wanted) const {
  if (device_runs_ == nullptr) return false;
  return steps_ == nullptr ? device_runs_->takes(inputs, wanted)
                           : device_runs_->takes(inputs, steps_->own_outputs(wanted));
}

void Model::run_there(Lane& lane, std::span<const InputParts> inputs, std::span<const std::size_t> wanted,
                      bool resident, DeviceRuns::Deliver deliver, const RunLog& log, bool pads) {
  // What nodes of the CPU's there are gain no help: the lane is soon back.
  const SharedThreads::Run shared(runtime_->shared_threads.get(), runs_long_, true);
  device_runs_->run(lane, runs_, log, {inputs, wanted, resident, pads, steps_.get(), &shapes_}, std::move(deliver));
}

void Model::capture(Lane& lane, std::span<const InputParts> inputs, const Graphs::Rows& rows) {
  if (device_runs_ == nullptr) throw Error(Code::NotSupported, "the model does not run in the device's memory");
  const SharedThreads::Run shared(runtime_->shared_threads.get(), runs_long_, true);
  device_runs_->capture(lane, runs_, {inputs, {}, false, false, steps_.get(), &shapes_}, rows);
}

GraphCounters Model::graph_counters() const {
  const Graphs* graphs = device_runs_ == nullptr ? nullptr : device_runs_->graphs();
  return graphs == nullptr ? GraphCounters{} : graphs->counters();
}

std::vector<Output> Model::run(Lane& lane, std::span<const InputParts> inputs, std::span<const std::size_t> wanted,
                               bool alone, const RunLog& log) {
  if (steps_ == nullptr) return run_own(lane, inputs, wanted, alone, log);
  const std::vector<InputParts> own = steps_->before_on_host(lane, inputs);
  return steps_->after_on_host(lane, run_own(lane, own, steps_->own_outputs(wanted), alone, log), wanted);
}

std::vector<Output> Model::run_own(Lane& lane, std::span<const InputParts> inputs, std::span<const std::size_t> wanted,
                                   bool alone, const RunLog& log) {
  shapes_.check(inputs, own_inputs());
  const ort::Api& api = runtime_->api;
  const std::vector<ort::OwnedValue> owned = make_inputs(*runtime_, own_inputs(), inputs, lane.workspace());
  std::vector<const char*> input_names;
  std::vector<const ort::Value*> values;
  input_names.reserve(owned.size());
  values.reserve(owned.size());
  for (std::size_t i = 0; i < owned.size(); ++i) {
    if (owned[i].get() == nullptr) continue;
    input_names.push_back(own_inputs()[i].name.c_str());
    values.push_back(owned[i].get());
  }
  std::vector<const char*> output_names;
  output_names.reserve(wanted.size());
  for (const std::size_t index : wanted) output_names.push_back(own_outputs().at(index).name.c_str());

  std::vector<ort::Value*> results(wanted.size(), nullptr);
  std::vector<ort::OwnedValue> owned_results;
  owned_results.reserve(results.size());
  ort::Status* status = nullptr;
  {
    const Runs::Run run(runs_, log);
    // Its own threads are no help of the shared ones.
    const SharedThreads::Run shared(runtime_->shared_threads.get(), runs_long_, alone || !shares_threads());
    status = api.Run(session_.get(), run.options(), input_names.data(), values.data(), values.size(),
                     output_names.data(), output_names.size(), results.data());
  }
  for (ort::Value* result : results) owned_results.emplace_back(api, result);  // before anything is thrown
  const ort::Attempt running(*runtime_, ort::kRunning);
  running(status);
  std::vector<Output> outputs;
  outputs.reserve(results.size());
  for (ort::OwnedValue& result : owned_results) outputs.push_back(read_output(*runtime_, std::move(result)));
  return outputs;
}

}  // namespace tensorlane
