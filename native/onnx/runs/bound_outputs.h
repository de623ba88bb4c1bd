// The values of a run's outputs as they are bound, released together.
#pragma once

#include <cstddef>
#include <span>

#include "onnx/runtime/runtime.h"

namespace tensorlane {

class BoundOutputs {
 public:
  // Errors: Model.
  BoundOutputs(const ort::Runtime& runtime, const ort::IoBinding* binding) : runtime_(runtime) {
    const ort::Attempt running(runtime, ort::kRunning);
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

}  // namespace tensorlane
