#include "onnx/runs/device_runs.h"

#include <algorithm>
#include <functional>
#include <optional>
#include <utility>

#include "core/error.h"
#include "onnx/runs/bound_outputs.h"
#include "onnx/values/input_bytes.h"

namespace tensorlane {
namespace {

bool is_numbers(const ValueInfo& info) { return info.kind == ValueKind::Tensor && info.type != DType::String; }

}  // namespace

bool DeviceRuns::possible(const ort::Runtime& runtime, const Session& session, const RunPlace& place) {
  const ort::Api& api = runtime.api;
  const ort::EpDevice* provider = session.provider().device;
  if (place.runs == nullptr || provider == nullptr || api.RunOptionsSetSyncStream == nullptr) return false;
  const ort::Attempt asking(runtime, "asking where the model's values lie");
  std::vector<const ort::MemoryInfo*> inputs(session.overridable_from());
  std::vector<const ort::MemoryInfo*> outputs(session.outputs().size());
  asking(api.SessionGetMemoryInfoForInputs(session.get(), inputs.data(), inputs.size()));
  asking(api.SessionGetMemoryInfoForOutputs(session.get(), outputs.data(), outputs.size()));
  const auto is_the_devices = [&](const ort::MemoryInfo* memory) {
    if (memory == nullptr || api.MemoryInfoGetVendorId(memory) != place.vendor) return false;
    int id = 0;
    asking(api.MemoryInfoGetId(memory, &id));
    return id == place.index;
  };
  // Of the provider none: it computes on values in host memory.
  return is_the_devices(api.EpDevice_MemoryInfo(provider, ort::kDeviceMemoryDefault)) &&
         std::ranges::all_of(inputs, is_the_devices) && std::ranges::all_of(outputs, is_the_devices);
}

DeviceRuns::~DeviceRuns() {
  for (const auto& [lane, stream] : streams_) runtime_.api.ReleaseSyncStream(stream);
}

bool DeviceRuns::takes(std::span<const InputParts> inputs, std::span<const std::size_t> wanted) const {
  if (inputs.size() > session_.overridable_from()) return false;
  for (std::size_t i = 0; i < inputs.size(); ++i) {
    if (inputs[i].form != ValueForm::None && !is_numbers(session_.inputs()[i])) return false;
  }
  return std::ranges::all_of(wanted, [&](std::size_t index) { return is_numbers(session_.outputs().at(index)); });
}

ort::SyncStream* DeviceRuns::stream_of(const Lane& lane) {
  const std::lock_guard lock(mutex_);
  ort::SyncStream*& stream = streams_[lane.index()];
  if (stream == nullptr) {
    const ort::Attempt making(runtime_, "making a stream of the provider's");
    making(runtime_.api.CreateSyncStreamForEpDevice(provider_, nullptr, &stream));
  }
  return stream;
}

void DeviceRuns::run_on(ort::SyncStream* stream, Runs& runs, const RunLog& log, ModelRun& work,
                        const ort::IoBinding* binding) const {
  const ort::Api& api = runtime_.api;
  const ort::Attempt running(runtime_, ort::kRunning);
  ort::Status* status = nullptr;
  {
    const Runs::Run run(runs, log);
    // The runtime waits for nothing at the end of the run; an event does.
    running(api.AddRunConfigEntry(run.options(), "disable_synchronize_execution_providers", "1"));
    api.RunOptionsSetSyncStream(run.options(), stream);
    work.begin(api.SyncStream_GetHandle(stream));
    status = api.RunWithBinding(session_.get(), run.options(), binding);
  }
  running(status);
}

void DeviceRuns::bind_to_device(ort::IoBinding* binding, std::span<const std::size_t> wanted) const {
  const ort::MemoryInfo* memory = runtime_.api.EpDevice_MemoryInfo(provider_, ort::kDeviceMemoryDefault);
  const ort::Attempt running(runtime_, ort::kRunning);
  for (const std::size_t index : wanted) {
    running(runtime_.api.BindOutputToDevice(binding, session_.outputs()[index].name.c_str(), memory));
  }
}

std::vector<Output> DeviceRuns::bind_rooms(ModelRun& work, ort::IoBinding* binding, std::span<const std::size_t> wanted,
                                           std::span<const OutputShapes::Dims> expected, bool stay) const {
  const ort::Api& api = runtime_.api;
  const ort::MemoryInfo* memory = api.EpDevice_MemoryInfo(provider_, ort::kDeviceMemoryDefault);
  const ort::Attempt running(runtime_, ort::kRunning);
  std::vector<Output> outputs;
  for (std::size_t i = 0; i < wanted.size(); ++i) {
    const ValueInfo& info = session_.outputs()[wanted[i]];
    Output& output = outputs.emplace_back();
    output.type = info.type;
    output.dims = expected[i];
    output.elements = work.room(byte_size(info.type, element_count(expected[i])), stay);
    ort::OwnedValue value(api);
    running(api.CreateTensorWithDataAsOrtValue(memory, output.elements.data, output.elements.bytes, output.dims.data(),
                                               output.dims.size(), static_cast<int>(info.type), value.out()));
    running(api.BindOutput(binding, info.name.c_str(), value.get()));  // which keeps the value
  }
  return outputs;
}

void DeviceRuns::run(Lane& lane, Runs& runs, const RunLog& log, const Request& request, Deliver deliver) {
  const std::unique_ptr<ModelRun> work = place_->model_run(lane);
  try {
    run(lane, *work, runs, log, request, std::move(deliver));
  } catch (const Error&) {
    work->check_device();  // which says more than what failed for it
    throw;
  }
}

void DeviceRuns::capture(Lane& lane, Runs& runs, const Request& request, const Graphs::Rows& rows) {
  if (graphs_ == nullptr) throw Error(Code::NotSupported, "the model's session records no CUDA graphs");
  const std::unique_ptr<ModelRun> work = place_->model_run(lane);
  try {
    std::vector<InputParts> inputs(request.inputs.begin(), request.inputs.end());
    if (request.steps != nullptr) inputs = request.steps->before(lane, where_of(*work, request.steps), request.inputs);
    if (request.shapes != nullptr) request.shapes->check(inputs, session_.inputs());
    graphs_->capture(lane, *work, runs, inputs, rows);
  } catch (const Error&) {
    work->check_device();
    throw;
  }
}

ModelSteps::Where DeviceRuns::where_of(ModelRun& work, const ModelSteps* steps) const {
  ModelSteps::Where where;
  where.operations = steps->device_operations();
  where.take = [&work](std::size_t bytes) { return work.take(bytes); };
  where.join = [&work](std::span<const Operand> parts) { return work.operand(parts); };
  return where;
}

std::vector<Output> DeviceRuns::run_plain(const Lane& lane, ModelRun& work, Runs& runs, const RunLog& log,
                                          std::span<const InputParts> inputs, std::span<const std::size_t> wanted,
                                          bool stay) {
  const ort::Api& api = runtime_.api;
  const ort::Attempt running(runtime_, ort::kRunning);
  const ort::MemoryInfo* memory = api.EpDevice_MemoryInfo(provider_, ort::kDeviceMemoryDefault);
  // Of a session that records graphs each thread has a stream, which is its provider's.
  ort::SyncStream* const stream = graphs_ == nullptr ? stream_of(lane) : nullptr;
  ort::OwnedIoBinding binding(api);
  running(api.CreateIoBinding(session_.get(), binding.out()));
  std::vector<std::byte> bools;  // read before bring() returns
  for (std::size_t i = 0; i < inputs.size(); ++i) {
    if (inputs[i].form == ValueForm::None) continue;
    const ValueInfo& info = session_.inputs()[i];
    std::vector<Operand> parts = inputs[i].parts;
    if (info.type == DType::Bool) normalize_bools(parts, bools);
    std::byte* data = work.bring(parts);
    ort::OwnedValue value(api);
    running(api.CreateTensorWithDataAsOrtValue(memory, data, total_bytes(parts), inputs[i].dims.data(),
                                               inputs[i].dims.size(), static_cast<int>(info.type), value.out()));
    running(api.BindInput(binding.get(), info.name.c_str(), value.get()));  // which keeps the value
  }
  const OutputShapes::Dims key = OutputShapes::key_of(inputs, wanted);
  const std::vector<OutputShapes::Dims> expected = shapes_.expected(key);
  std::vector<Output> outputs;
  if (expected.size() == wanted.size()) {
    outputs = bind_rooms(work, binding.get(), wanted, expected, stay);
  } else {
    bind_to_device(binding.get(), wanted);
  }
  if (stream == nullptr) {
    work.join();
    work.await();
  }
  const auto run_bound = [&] {
    if (graphs_ == nullptr) {
      run_on(stream, runs, log, work, binding.get());
    } else {
      graphs_->run(work, runs, log, binding.get(), Runs::kNoGraph);
    }
  };
  try {
    run_bound();
  } catch (const Error& error) {
    // It may have made other dims than those of its like.
    if (outputs.empty() || error.code() != Code::Model) throw;
    outputs.clear();
    shapes_.doubt(key);
    bind_to_device(binding.get(), wanted);
    run_bound();
  }
  if (stream == nullptr) {
    work.join();
  } else {
    work.end();
  }
  if (outputs.empty()) {
    auto values = std::make_shared<BoundOutputs>(runtime_, binding.get());
    std::vector<OutputShapes::Dims> made;
    for (ort::Value* value : values->values()) {
      outputs.push_back(read_in_place(runtime_, value));
      made.push_back(outputs.back().dims);
    }
    shapes_.learn(key, made);
    work.hold(std::move(values));
  }
  return outputs;
}

void DeviceRuns::run(Lane& lane, ModelRun& work, Runs& runs, const RunLog& log, const Request& request,
                     Deliver deliver) {
  const ModelSteps* const steps = request.steps;
  std::vector<InputParts> stepped;  // the model's own
  std::vector<std::size_t> own;
  if (steps != nullptr) {
    stepped = steps->before(lane, where_of(work, steps), request.inputs);
    own = steps->own_outputs(request.wanted);
  }
  const std::span<const InputParts> inputs = steps == nullptr ? request.inputs : stepped;
  const std::span<const std::size_t> wanted = steps == nullptr ? request.wanted : own;
  if (request.shapes != nullptr) request.shapes->check(inputs, session_.inputs());
  std::vector<Output> outputs;
  if (graphs_ != nullptr) {
    outputs = graphs_->replay(lane, work, runs, log, inputs, wanted, request.pads, request.resident);
  }
  if (outputs.empty()) outputs = run_plain(lane, work, runs, log, inputs, wanted, request.resident);
  const auto keep = [&](const Operand& elements) -> Operand {
    auto buffer = work.keep(elements.data, elements.bytes);
    std::byte* data = buffer->data();
    return {data, elements.bytes, std::move(buffer)};
  };
  if (steps != nullptr) {
    ModelSteps::Where where = where_of(work, steps);
    where.join = [&](std::span<const Operand> parts) {
      return parts.front().buffer == nullptr ? keep(parts.front()) : parts.front();
    };
    outputs = steps->after(lane, where, std::move(outputs), request.wanted);
    work.operated();
  }
  for (Output& output : outputs) {
    Operand& elements = output.elements;
    if (!request.resident) {
      elements = {work.fetch(elements.data, elements.bytes), elements.bytes, nullptr};
    } else if (elements.buffer == nullptr) {
      elements = keep(elements);
    }
  }
  work.defer([deliver = std::move(deliver), outputs = std::move(outputs)]() mutable { deliver(std::move(outputs)); });
}

}  // namespace tensorlane
