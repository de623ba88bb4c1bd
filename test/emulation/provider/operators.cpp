#include "provider/operators.h"

#include <array>
#include <condition_variable>
#include <mutex>
#include <numeric>
#include <utility>

#include "emulation.h"

namespace emulated_provider {
namespace {

// Kernels wait while it is raised, as if they took that long.
class Barrier {
 public:
  void raise(bool up) {
    const std::lock_guard lock(mutex_);
    up_ = up;
    lowered_.notify_all();
  }
  void pass() {
    std::unique_lock lock(mutex_);
    lowered_.wait(lock, [&] { return !up_; });
  }

 private:
  std::mutex mutex_;
  bool up_ = false;  // guarded by mutex_
  std::condition_variable lowered_;
};

Barrier& barrier() {
  static auto* const one = new Barrier;
  return *one;
}

bool is_image(const Shape& dims) { return dims.size() == 4; }

// MemcpyFromHost and MemcpyToHost are what the runtime puts between nodes of this provider and of the CPU's.
constexpr std::array kOperators{
    Operator{.name = "MatMul", .since = 1, .make = make_matmul},
    Operator{.name = "Gemm", .since = 7, .make = make_gemm},
    Operator{.name = "Add", .since = 7, .make = make_add},
    Operator{.name = "Sub", .since = 7, .make = make_sub},
    Operator{.name = "Mul", .since = 7, .make = make_mul},
    Operator{.name = "Div", .since = 7, .make = make_div},
    Operator{.name = "Relu", .since = 6, .make = make_relu},
    Operator{.name = "Sigmoid", .since = 6, .make = make_sigmoid},
    Operator{.name = "Tanh", .since = 6, .make = make_tanh},
    Operator{.name = "Conv", .since = 1, .make = make_conv, .takes = is_image},
    Operator{.name = "GlobalAveragePool", .since = 1, .make = make_global_average_pool},
    Operator{.name = "Softmax", .since = 13, .make = make_softmax},
    Operator{.name = "Reshape", .since = 5, .make = make_reshape, .host_input = 1},
    Operator{.name = "Flatten", .since = 1, .make = make_flatten},
    Operator{.name = "Transpose", .since = 1, .make = make_transpose},
    Operator{.name = "MemcpyFromHost", .since = 1, .make = make_copy, .host_input = 0},
    Operator{.name = "MemcpyToHost", .since = 1, .make = make_copy, .host_output = true},
};

}  // namespace

std::span<const Operator> operators() { return kOperators; }

std::int64_t elements_of(std::span<const std::int64_t> dims) {
  return std::accumulate(dims.begin(), dims.end(), std::int64_t{1}, std::multiplies<>());
}

Run::Run(KernelContext* context) : context_(context) {
  void* handle = nullptr;
  check(ort().KernelContext_GetGPUComputeStream(context, &handle));
  if (handle == nullptr) throw Failure("a node of the emulated device was run without a stream");
  stream_ = static_cast<cudaStream_t>(handle);
  check(ort().KernelContext_GetInputCount(context, &inputs_));
}

Input Run::input(std::size_t index) const {
  Input input;
  const Value* value = nullptr;
  if (index < inputs_) check(ort().KernelContext_GetInput(context_, index, &value));
  if (value == nullptr) return input;
  input.there = true;
  TensorTypeInfo* info = nullptr;
  check(ort().GetTensorTypeAndShape(value, &info));
  std::size_t rank = 0;
  Status* problem = ort().GetDimensionsCount(info, &rank);
  input.dims.resize(rank);
  if (problem == nullptr) problem = ort().GetDimensions(info, input.dims.data(), rank);
  ort().ReleaseTensorTypeAndShapeInfo(info);
  check(problem);
  check(ort().GetTensorSizeInBytes(value, &input.bytes));
  check(ort().GetTensorData(value, &input.data));
  return input;
}

void* Run::output(const Shape& dims) const {
  Value* value = nullptr;
  check(ort().KernelContext_GetOutput(context_, 0, dims.data(), dims.size(), &value));
  void* data = nullptr;
  check(ort().GetTensorMutableData(value, &data));
  if (data == nullptr && elements_of(dims) != 0) throw Failure("Failed to allocate memory for the output of a node");
  return data;
}

void Run::on_stream(std::function<void()> work) const {
  check(emulation::fault("cudaLaunchKernel"), "cudaLaunchKernel");
  const auto kernel = [work = std::move(work)] {
    barrier().pass();
    work();
  };
  check(emulation::enqueue(stream_, kernel), "cudaLaunchKernel");
}

std::int64_t Attributes::integer(const char* name, std::int64_t otherwise) const {
  std::int64_t value = 0;
  return succeeded(ort().KernelInfoGetAttribute_int64(info_, name, &value)) ? value : otherwise;
}

float Attributes::real(const char* name, float otherwise) const {
  float value = 0;
  return succeeded(ort().KernelInfoGetAttribute_float(info_, name, &value)) ? value : otherwise;
}

std::string Attributes::text(const char* name, const char* otherwise) const {
  std::size_t length = 0;  // with the zero at the end
  if (!succeeded(ort().KernelInfoGetAttribute_string(info_, name, nullptr, &length)) || length == 0) return otherwise;
  std::string value(length, '\0');
  check(ort().KernelInfoGetAttribute_string(info_, name, value.data(), &length));
  value.resize(length - 1);
  return value;
}

Shape Attributes::integers(const char* name, const Shape& otherwise) const {
  std::size_t count = 0;
  if (!succeeded(ort().KernelInfoGetAttributeArray_int64(info_, name, nullptr, &count)) || count == 0) return otherwise;
  Shape values(count);
  check(ort().KernelInfoGetAttributeArray_int64(info_, name, values.data(), &count));
  return values;
}

}  // namespace emulated_provider

// For tests: while it is held, no kernel ends. 0: they go on.
extern "C" __attribute__((visibility("default"))) void emulated_provider_hold(int held) {
  emulated_provider::barrier().raise(held != 0);
}
