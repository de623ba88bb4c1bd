#include "onnx/model.h"

#include <algorithm>
#include <array>
#include <memory>
#include <numeric>
#include <string>
#include <thread>

#include "core/error.h"
#include "core/niceness.h"

namespace tensorlane {
namespace {

constexpr std::size_t round_up(std::size_t bytes) {
  return (bytes + Workspace::kAlignment - 1) / Workspace::kAlignment * Workspace::kAlignment;
}

// A caller may change a large input while it is read. Floating-point elements are then merely other numbers, but the
// runtime checks indices and counts conditions before it uses them, so these must not change in between: it is given a
// copy.
bool used_in_place(DType type, std::size_t parts) {
  switch (type) {
    case DType::Float32:
    case DType::Float64:
    case DType::Float16:
    case DType::BFloat16:
      return parts == 1;
    default:
      return false;
  }
}

std::size_t total_bytes(const InputParts& input) {
  std::size_t bytes = 0;
  for (const auto& part : input.parts) bytes += part.size();
  return bytes;
}

// What the runtime hands through to create_thread is a pointer, so here is an int to point at for every niceness.
constexpr auto kNiceness = [] {
  std::array<int, 20> values{};
  std::iota(values.begin(), values.end(), 0);
  return values;
}();

void* create_thread(void* niceness, void (*work)(void*), void* argument) {
  return new std::thread([=] {
    stand_back(*static_cast<const int*>(niceness));
    work(argument);
  });
}

void join_thread(void* thread) {
  const std::unique_ptr<std::thread> owner(static_cast<std::thread*>(thread));
  owner->join();
}

ort::OwnedSessionOptions make_session_options(const ort::Runtime& runtime, const ModelOptions& options) {
  const ort::Api& api = runtime.api;
  ort::OwnedSessionOptions session_options(api);
  runtime.check(api.CreateSessionOptions(session_options.out()), "loading the model");
  if (options.threads != 0) {
    runtime.check(api.SetIntraOpNumThreads(session_options.get(), static_cast<int>(options.threads)),
                  "loading the model");
  }
  runtime.check(api.SetInterOpNumThreads(session_options.get(), 1), "loading the model");
  // The runtime's threads may spin while a run needs them again and again, but not between runs, when the cores belong
  // to whoever has work.
  runtime.check(api.AddSessionConfigEntry(session_options.get(), "session.force_spinning_stop", "1"),
                "loading the model");
  // Its threads stand back as far as the lanes do.
  runtime.check(api.SessionOptionsSetCustomCreateThreadFn(session_options.get(), create_thread), "loading the model");
  runtime.check(api.SessionOptionsSetCustomThreadCreationOptions(
                    session_options.get(), const_cast<int*>(&kNiceness.at(static_cast<std::size_t>(options.niceness)))),
                "loading the model");
  runtime.check(api.SessionOptionsSetCustomJoinThreadFn(session_options.get(), join_thread), "loading the model");
  return session_options;
}

ValueInfo read_value_info(const ort::Runtime& runtime, std::string name, const ort::TypeInfo* type) {
  const ort::Api& api = runtime.api;
  ValueInfo info;
  info.name = std::move(name);
  int kind = 0;
  runtime.check(api.GetOnnxTypeFromTypeInfo(type, &kind), "reading the model");
  const ort::TensorTypeInfo* tensor = nullptr;  // part of `type`
  if (kind == ort::kTypeTensor) runtime.check(api.CastTypeInfoToTensorInfo(type, &tensor), "reading the model");
  if (tensor == nullptr) {
    throw Error(Code::Model, "'" + info.name +
                                 "' is not a tensor (a sequence, a map or an optional); "
                                 "only tensors can be a model's inputs and outputs");
  }
  int element = 0;
  runtime.check(api.GetTensorElementType(tensor, &element), "reading the model");
  const DTypeInfo* dtype = find_dtype(element);
  if (dtype == nullptr) {
    throw Error(Code::Model, "'" + info.name + "' has ONNX element type " + std::to_string(element) +
                                 ", which ONNX Runtime cannot pass in or out (complex numbers, for one)");
  }
  info.type = dtype->type;
  std::size_t rank = 0;
  runtime.check(api.GetDimensionsCount(tensor, &rank), "reading the model");
  info.dims.resize(rank);
  std::vector<const char*> names(rank, nullptr);
  runtime.check(api.GetDimensions(tensor, info.dims.data(), rank), "reading the model");
  runtime.check(api.GetSymbolicDimensions(tensor, names.data(), rank), "reading the model");
  for (const char* dim : names) info.dim_names.emplace_back(dim == nullptr ? "" : dim);
  return info;
}

}  // namespace

ort::OwnedSessionOptions Model::session_options(const ModelOptions& options) {
  auto made = make_session_options(*runtime_, options);
  if (options.cuda_device >= 0) use_cuda(made.get(), options.cuda_device);
  return made;
}

// A runtime without CUDA, or one whose CUDA libraries are missing, still runs the model on the CPU.
void Model::use_cuda(ort::SessionOptions* session_options, int device) {
  const ort::Api& api = runtime_->api;
  const std::string index = std::to_string(device);
  const std::array<const char*, 1> keys{"device_id"};
  const std::array<const char*, 1> values{index.c_str()};
  try {
    ort::OwnedCudaProviderOptions cuda(api);
    runtime_->check(api.CreateCudaProviderOptions(cuda.out()), "ONNX Runtime cannot use CUDA here");
    runtime_->check(api.UpdateCudaProviderOptions(cuda.get(), keys.data(), values.data(), keys.size()),
                    "ONNX Runtime cannot use CUDA here");
    runtime_->check(api.SessionOptionsAppendCudaProvider(session_options, cuda.get()),
                    "ONNX Runtime cannot use CUDA here");
    provider_ = "cuda";
  } catch (const Error& error) {
    fallback_reason_ = error.what();
  }
}

Model::Model(const ort::Runtime& runtime, const std::string& path, const ModelOptions& options)
    : runtime_(&runtime), session_(runtime.api) {
  const auto made = session_options(options);
  runtime.check(runtime.api.CreateSession(runtime.env, path.c_str(), made.get(), session_.out()), "loading the model");
  describe();
}

Model::Model(const ort::Runtime& runtime, std::span<const std::byte> bytes, const ModelOptions& options)
    : runtime_(&runtime), session_(runtime.api) {
  const auto made = session_options(options);
  runtime.check(runtime.api.CreateSessionFromArray(runtime.env, bytes.data(), bytes.size(), made.get(), session_.out()),
                "loading the model");
  describe();
}

void Model::describe() {
  const ort::Api& api = runtime_->api;
  const auto read = [&](auto count_of, auto name_of, auto type_of, std::vector<ValueInfo>& values) {
    std::size_t count = 0;
    runtime_->check(count_of(session_.get(), &count), "reading the model");
    for (std::size_t i = 0; i < count; ++i) {
      char* text = nullptr;
      runtime_->check(name_of(session_.get(), i, runtime_->allocator, &text), "reading the model");
      std::string name = text;
      runtime_->check(api.AllocatorFree(runtime_->allocator, text), "reading the model");
      ort::OwnedTypeInfo type(api);
      runtime_->check(type_of(session_.get(), i, type.out()), "reading the model");
      values.push_back(read_value_info(*runtime_, std::move(name), type.get()));
    }
  };
  read(api.SessionGetInputCount, api.SessionGetInputName, api.SessionGetInputTypeInfo, inputs_);
  read(api.SessionGetOutputCount, api.SessionGetOutputName, api.SessionGetOutputTypeInfo, outputs_);
}

ort::OwnedValue Model::make_input(const ValueInfo& info, const InputParts& input, std::byte*& staging) const {
  const ort::Api& api = runtime_->api;
  ort::OwnedValue value(api);
  const auto type = static_cast<int>(info.type);
  if (info.type == DType::String) {
    runtime_->check(
        api.CreateTensorAsOrtValue(runtime_->allocator, input.dims.data(), input.dims.size(), type, value.out()),
        "making an input");
    for (std::size_t i = 0; i < input.strings.size(); ++i) {
      const std::string& text = input.strings[i];
      char* to = nullptr;
      runtime_->check(api.GetResizedStringTensorElementBuffer(value.get(), i, text.size(), &to), "making an input");
      std::ranges::copy(text, to);  // by length, since a string may hold a zero
    }
    return value;
  }
  const std::size_t bytes = total_bytes(input);
  std::byte* data = staging;
  if (used_in_place(info.type, input.parts.size())) {
    data = const_cast<std::byte*>(input.parts.front().data());  // the API has no const; inputs are not written
  } else {
    for (const auto& part : input.parts) {
      staging = std::ranges::copy(part, staging).out;
    }
    staging = data + round_up(bytes);
  }
  runtime_->check(api.CreateTensorWithDataAsOrtValue(runtime_->host_memory, data, bytes, input.dims.data(),
                                                     input.dims.size(), type, value.out()),
                  "making an input");
  return value;
}

void Model::read_output(Output& output) const {
  const ort::Api& api = runtime_->api;
  int is_tensor = 0;
  runtime_->check(api.IsTensor(output.value.get(), &is_tensor), "reading an output");
  if (is_tensor == 0) throw Error(Code::Model, "an output is not a tensor");
  ort::OwnedTensorTypeInfo info(api);
  runtime_->check(api.GetTensorTypeAndShape(output.value.get(), info.out()), "reading an output");
  int element = 0;
  std::size_t rank = 0;
  runtime_->check(api.GetTensorElementType(info.get(), &element), "reading an output");
  runtime_->check(api.GetDimensionsCount(info.get(), &rank), "reading an output");
  output.dims.resize(rank);
  runtime_->check(api.GetDimensions(info.get(), output.dims.data(), rank), "reading an output");
  output.type = static_cast<DType>(element);
  const auto count = static_cast<std::size_t>(
      std::accumulate(output.dims.begin(), output.dims.end(), std::int64_t{1}, std::multiplies<>()));
  if (output.type != DType::String) {
    void* data = nullptr;
    runtime_->check(api.GetTensorMutableData(output.value.get(), &data), "reading an output");
    output.bytes = {static_cast<const std::byte*>(data), byte_size(output.type, count)};
    return;
  }
  std::size_t length = 0;
  runtime_->check(api.GetStringTensorDataLength(output.value.get(), &length), "reading an output");
  std::string text(length, '\0');
  std::vector<std::size_t> offsets(count);
  if (count != 0) {
    runtime_->check(api.GetStringTensorContent(output.value.get(), text.data(), length, offsets.data(), count),
                    "reading an output");
  }
  output.strings.reserve(count);
  for (std::size_t i = 0; i < count; ++i) {
    const std::size_t end = i + 1 < count ? offsets[i + 1] : length;
    output.strings.push_back(text.substr(offsets[i], end - offsets[i]));
  }
}

std::vector<Output> Model::run(Lane& lane, std::span<const InputParts> inputs, std::span<const std::size_t> wanted) {
  const ort::Api& api = runtime_->api;
  std::size_t staged = 0;
  for (std::size_t i = 0; i < inputs.size(); ++i) {
    if (!used_in_place(inputs_.at(i).type, inputs[i].parts.size())) staged += round_up(total_bytes(inputs[i]));
  }
  // At least one byte, so that an empty tensor has an address too.
  std::byte* staging = lane.workspace().take(std::max<std::size_t>(staged, 1));

  std::vector<ort::OwnedValue> owned;
  std::vector<const char*> input_names;
  std::vector<const ort::Value*> values;
  for (std::size_t i = 0; i < inputs.size(); ++i) {
    owned.push_back(make_input(inputs_.at(i), inputs[i], staging));
    input_names.push_back(inputs_[i].name.c_str());
    values.push_back(owned.back().get());
  }
  std::vector<const char*> output_names;
  output_names.reserve(wanted.size());
  for (const std::size_t index : wanted) output_names.push_back(outputs_.at(index).name.c_str());
  std::vector<ort::Value*> results(wanted.size(), nullptr);

  ort::OwnedRunOptions run_options(api);
  runtime_->check(api.CreateRunOptions(run_options.out()), "running the model");
  {
    const std::lock_guard lock(running_mutex_);
    if (terminated_) throw Error(Code::Disposed, "the model is being torn down");
    running_.insert(run_options.get());
  }
  ort::Status* status = api.Run(session_.get(), run_options.get(), input_names.data(), values.data(), values.size(),
                                output_names.data(), output_names.size(), results.data());
  {
    const std::lock_guard lock(running_mutex_);
    running_.erase(run_options.get());
  }
  std::vector<Output> outputs;
  outputs.reserve(results.size());
  for (ort::Value* result : results) {
    Output output(api);
    output.value = ort::OwnedValue(api, result);
    outputs.push_back(std::move(output));
  }
  runtime_->check(status, "running the model");
  for (Output& output : outputs) read_output(output);
  return outputs;
}

void Model::terminate() {
  const std::lock_guard lock(running_mutex_);
  terminated_ = true;
  for (ort::RunOptions* run : running_) {
    if (ort::Status* status = runtime_->api.RunOptionsSetTerminate(run)) runtime_->api.ReleaseStatus(status);
  }
}

}  // namespace tensorlane
