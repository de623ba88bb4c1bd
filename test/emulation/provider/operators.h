// The operators that the provider has, a row of a table each, and what their kernels see of a node and of one run of it.
//
// A kernel puts its work on the stream and returns. Shapes are on the host; elements, which are all float32, are on the device,
// but for inputs that a row says are on the host.
#pragma once

#include <cuda_runtime_api.h>

#include <cstddef>
#include <cstdint>
#include <functional>
#include <span>
#include <string>
#include <vector>

#include "provider/ort.h"

namespace emulated_provider {

using Shape = std::vector<std::int64_t>;

std::int64_t elements_of(std::span<const std::int64_t> dims);

struct Input {
  bool there = false;  // an optional input may be left out
  const void* data = nullptr;
  std::size_t bytes = 0;
  Shape dims;

  // On the device: for the work that a stream does, through emulation::on_device.
  [[nodiscard]] const float* floats() const { return static_cast<const float*>(data); }
};

class Run {
 public:
  // Errors: Failure.
  explicit Run(KernelContext* context);

  [[nodiscard]] Input input(std::size_t index) const;
  // Errors: Failure, where there is no memory for it.
  [[nodiscard]] void* output(const Shape& dims) const;
  // Errors: Failure, where the call is planned to fail, or the device has failed.
  void on_stream(std::function<void()> work) const;
  [[nodiscard]] cudaStream_t stream() const noexcept { return stream_; }

 private:
  KernelContext* context_;
  cudaStream_t stream_ = nullptr;
  std::size_t inputs_ = 0;
};

class Attributes {
 public:
  explicit Attributes(const KernelInfo* info) : info_(info) {}

  [[nodiscard]] std::int64_t integer(const char* name, std::int64_t otherwise) const;
  [[nodiscard]] float real(const char* name, float otherwise) const;
  [[nodiscard]] std::string text(const char* name, const char* otherwise) const;
  [[nodiscard]] Shape integers(const char* name, const Shape& otherwise) const;

 private:
  const KernelInfo* info_;
};

using Compute = std::function<void(const Run&)>;

struct Operator {
  const char* name;
  int since;                              // which version of the operator
  Compute (*make)(const Attributes&);     // once a node
  int host_input = -1;                    // this input is in host memory
  bool host_output = false;               // so is the output
  bool (*takes)(const Shape&) = nullptr;  // of the first input's dims, -1 for each that is free; null: any
  const char* type = "T";                 // ONNX's name for the type of the elements
};

std::span<const Operator> operators();

// kernels/, a family a file.
Compute make_matmul(const Attributes&);
Compute make_gemm(const Attributes&);
Compute make_add(const Attributes&);
Compute make_sub(const Attributes&);
Compute make_mul(const Attributes&);
Compute make_div(const Attributes&);
Compute make_relu(const Attributes&);
Compute make_sigmoid(const Attributes&);
Compute make_tanh(const Attributes&);
Compute make_conv(const Attributes&);
Compute make_global_average_pool(const Attributes&);
Compute make_softmax(const Attributes&);
Compute make_reshape(const Attributes&);
Compute make_flatten(const Attributes&);
Compute make_transpose(const Attributes&);
Compute make_copy(const Attributes&);

}  // namespace emulated_provider
