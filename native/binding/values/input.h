// Operands of an operation as JS gives them: a typed array, or a part of a buffer of the device.
#pragma once

#include <napi.h>

#include <optional>

#include "binding/values/pin.h"
#include "core/lanes/use_order.h"
#include "device/device.h"

namespace tensorlane {

class Input {
 public:
  // Errors: Argument, Shape where it has fewer than `least` bytes.
  Input(const Napi::Value& value, std::size_t least, const char* what);

  // Valid as long as this is.
  [[nodiscard]] const Operand& operand() const noexcept { return operand_; }
  // Of a buffer, until the call from JS returns; else null.
  [[nodiscard]] UseOrder* order() const noexcept { return order_; }

 private:
  std::optional<Pin> pin_;
  Operand operand_;
  UseOrder* order_ = nullptr;
};

}  // namespace tensorlane
