#include "onnx/device_runs.h"

#include <algorithm>
#include <functional>
#include <optional>
#include <utility>

#include "core/error.h"
#include "onnx/input_bytes.h"

namespace tensorlane {
namespace {

constexpr int kDefaultMemory = 0;  // OrtDeviceMemoryType
constexpr const char* kRunning = "running the model";

bool is_numbers(const ValueInfo& info) { return info.kind == ValueKind::Tensor && info.type != DType::String; }

// The values of a run's outputs as they are bound, released together.
class BoundOutputs {
 public:
  BoundOutputs(const ort::Runtime& runtime, const ort::IoBinding* binding) : runtime_(runtime) {
    const ort::Attempt running(runtime, kRunning);
    running(runtime.api.GetBoundOutputValues(binding, runtime.allocator, &values_, &count_));
  }
  ~BoundOutputs() {
    for (ort::Value* value : std::span(values_, count_)) runtime_.api.ReleaseValue(value);
    if (values_ == nullptr) return;
    if (ort::Status* status = runtime_.api.AllocatorFree(runtime_.allocator, values_))
      runtime_.api.ReleaseStatus(status);
  }
  BoundOutputs(const BoundOutputs&) = delete;
  BoundOutputs& operator=(const BoundOutputs&) = delete;

  [[nodiscard]] std::span<ort::Value*> values() const { return {values_, count_}; }

 private:
  const ort::Runtime& runtime_;
  ort::Value** values_ = nullptr;
  std::size_t count_ = 0;
};

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
  return is_the_devices(api.EpDevice_MemoryInfo(provider, kDefaultMemory)) &&
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

void DeviceRuns::run(Lane& lane, Runs& runs, const RunLog& log, const Request& request, Deliver deliver) {
  const ort::Api& api = runtime_.api;
  const ort::Attempt running(runtime_, kRunning);
  const ort::MemoryInfo* memory = api.EpDevice_MemoryInfo(provider_, kDefaultMemory);
  const std::unique_ptr<ModelRun> work = place_->model_run(lane);
  ModelSteps::Where where;
  where.take = [&](std::size_t bytes) { return work->take(bytes); };
  where.join = [&](std::span<const Operand> parts) { return work->operand(parts); };
  std::vector<InputParts> stepped;  // the model's own
  std::vector<std::size_t> own;
  const ModelSteps* const steps = request.steps;
  if (steps != nullptr) {
    where.operations = steps->device_operations();
    stepped = steps->before(lane, where, request.inputs);
    own = steps->own_outputs(request.wanted);
  }
  const std::span<const InputParts> inputs = steps == nullptr ? request.inputs : stepped;
  const std::span<const std::size_t> wanted = steps == nullptr ? request.wanted : own;
  if (request.shapes != nullptr) request.shapes->check(inputs, session_.inputs());
  ort::SyncStream* const stream = stream_of(lane);
  ort::OwnedIoBinding binding(api);
  running(api.CreateIoBinding(session_.get(), binding.out()));
  std::vector<std::byte> bools;  // read before bring() returns
  for (std::size_t i = 0; i < inputs.size(); ++i) {
    if (inputs[i].form == ValueForm::None) continue;
    const ValueInfo& info = session_.inputs()[i];
    std::vector<Operand> parts = inputs[i].parts;
    if (info.type == DType::Bool) normalize_bools(parts, bools);
    std::byte* data = work->bring(parts);
    ort::OwnedValue value(api);
    running(api.CreateTensorWithDataAsOrtValue(memory, data, total_bytes(parts), inputs[i].dims.data(),
                                               inputs[i].dims.size(), static_cast<int>(info.type), value.out()));
    running(api.BindInput(binding.get(), info.name.c_str(), value.get()));  // which keeps the value
  }
  for (const std::size_t index : wanted) {
    running(api.BindOutputToDevice(binding.get(), session_.outputs()[index].name.c_str(), memory));
  }
  ort::Status* status = nullptr;
  {
    const Runs::Run run(runs, log);
    // The runtime waits for nothing at the end of the run; an event does.
    running(api.AddRunConfigEntry(run.options(), "disable_synchronize_execution_providers", "1"));
    api.RunOptionsSetSyncStream(run.options(), stream);
    work->begin(api.SyncStream_GetHandle(stream));
    status = api.RunWithBinding(session_.get(), run.options(), binding.get());
  }
  if (status != nullptr) {
    try {
      work->check_device();
    } catch (...) {
      api.ReleaseStatus(status);
      throw;
    }
    running(status);
  }
  work->end();
  auto values = std::make_shared<BoundOutputs>(runtime_, binding.get());
  std::vector<Output> outputs;
  for (ort::Value* value : values->values()) outputs.push_back(read_in_place(runtime_, value));
  const auto keep = [&](const Operand& elements) -> Operand {
    auto buffer = work->keep(elements.data, elements.bytes);
    std::byte* data = buffer->data();
    return {data, elements.bytes, std::move(buffer)};
  };
  if (steps != nullptr) {
    where.join = [&](std::span<const Operand> parts) { return keep(parts.front()); };
    outputs = steps->after(lane, where, std::move(outputs), request.wanted);
    work->operated();
  }
  for (Output& output : outputs) {
    Operand& elements = output.elements;
    if (!request.resident) {
      elements = {work->fetch(elements.data, elements.bytes), elements.bytes, nullptr};
    } else if (elements.buffer == nullptr) {
      elements = keep(elements);
    }
  }
  work->hold(std::move(values));
  work->defer([deliver = std::move(deliver), outputs = std::move(outputs)]() mutable { deliver(std::move(outputs)); });
}

}  // namespace tensorlane
