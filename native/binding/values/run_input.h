// The inputs of a run as JS gives them: see RunInput in binding.d.ts.
#pragma once

#include <napi.h>

#include <span>
#include <vector>

#include "binding/values/pin.h"
#include "core/lanes/use_order.h"
#include "onnx/values/values.h"

namespace tensorlane {

class RunInputs {
 public:
  // Errors: Argument, Shape, Disposed.
  RunInputs(const Napi::Array& given, const std::vector<ValueInfo>& infos);

  // What keeps their elements in place goes with this.
  [[nodiscard]] std::span<const InputParts> values() const noexcept { return values_; }
  // Of the buffers among them, until the call from JS returns.
  [[nodiscard]] const std::vector<UseOrder*>& orders() const noexcept { return orders_; }

 private:
  InputParts read(const Napi::Value& given, const ValueType& type, const std::string& name);
  InputParts read_tensor(const Napi::Object& given, DType type, const std::string& name);

  std::vector<Pin> pins_;
  std::vector<UseOrder*> orders_;
  std::vector<InputParts> values_;
};

}  // namespace tensorlane
