// Every failure inside tensorlane is an Error: a stable code, and a message that says what was given, what was expected
// and what to do. The binding turns it into a JS error whose `code` is the string below.
#pragma once

#include <cstdint>
#include <stdexcept>
#include <string>
#include <utility>
#include <vector>

namespace tensorlane {

enum class Code {
  Argument,
  Shape,
  DType,
  NotFinite,
  NotConverged,
  Singular,
  NotPositiveDefinite,
  Aborted,
  Disposed,
  OutOfMemory,
  DeviceLost,
  NoDevice,
  NoRuntime,
  Model,
  Kernel,
  NotSupported,
  Internal,
};

constexpr const char* code_string(Code code) {
  switch (code) {
    case Code::Argument:
      return "ERR_ARGUMENT";
    case Code::Shape:
      return "ERR_SHAPE";
    case Code::DType:
      return "ERR_DTYPE";
    case Code::NotFinite:
      return "ERR_NOT_FINITE";
    case Code::NotConverged:
      return "ERR_NOT_CONVERGED";
    case Code::Singular:
      return "ERR_SINGULAR";
    case Code::NotPositiveDefinite:
      return "ERR_NOT_POSITIVE_DEFINITE";
    case Code::Aborted:
      return "ERR_ABORTED";
    case Code::Disposed:
      return "ERR_DISPOSED";
    case Code::OutOfMemory:
      return "ERR_OUT_OF_MEMORY";
    case Code::DeviceLost:
      return "ERR_DEVICE_LOST";
    case Code::NoDevice:
      return "ERR_NO_DEVICE";
    case Code::NoRuntime:
      return "ERR_NO_RUNTIME";
    case Code::Model:
      return "ERR_MODEL";
    case Code::Kernel:
      return "ERR_KERNEL";
    case Code::NotSupported:
      return "ERR_NOT_SUPPORTED";
    case Code::Internal:
      break;
  }
  return "ERR_INTERNAL";
}

class Error : public std::runtime_error {
 public:
  Error(Code code, const std::string& message) : std::runtime_error(message), code_(code) {}

  // For a batched operation: `indices` names the matrices of the batch that failed.
  Error(Code code, const std::string& message, std::vector<std::int64_t> indices)
      : std::runtime_error(message), code_(code), indices_(std::move(indices)) {}

  // What ONNX Runtime says in its own words, which the message holds among others.
  Error(Code code, const std::string& message, std::string runtime_message)
      : std::runtime_error(message), code_(code), runtime_message_(std::move(runtime_message)) {}

  [[nodiscard]] Code code() const noexcept { return code_; }
  [[nodiscard]] const std::vector<std::int64_t>& indices() const noexcept { return indices_; }
  // Empty where it was not ONNX Runtime that failed.
  [[nodiscard]] const std::string& runtime_message() const noexcept { return runtime_message_; }

 private:
  Code code_;
  std::vector<std::int64_t> indices_;
  std::string runtime_message_;
};

// For an operation on `total` matrices of which those at `indices` failed, where any did.
inline void throw_for(const std::vector<std::int64_t>& indices, std::int64_t total, Code code,
                      const std::string& what) {
  if (indices.empty()) return;
  throw Error(code, what + " (" + std::to_string(indices.size()) + " of " + std::to_string(total) + " in the batch)",
              indices);
}

}  // namespace tensorlane
