// Memory that JS gives for a result: a typed array, or a part of a buffer of the device.
//
// A result is written right there where nothing can go wrong with it; else it is made in memory of ours, and copied when the
// operation has ended. What can go wrong: an operand lies in the same memory, and is still read; the array's memory may move or
// go away (a resizable buffer, or where V8's function is missing, see pin.h); or, on a device, it is not aligned as
// allocations are.
#pragma once

#include <napi.h>

#include <cstddef>
#include <optional>
#include <span>

#include "binding/values/pin.h"
#include "core/lanes/use_order.h"
#include "device/device.h"

namespace tensorlane {

class ResultPlace {
 public:
  // Errors: Argument, Disposed, Shape where it has not exactly so many bytes.
  ResultPlace(const Napi::Value& value, std::size_t bytes);

  [[nodiscard]] bool on_device() const noexcept { return operand_.buffer != nullptr; }
  // Of a buffer, until the call from JS returns; else null.
  [[nodiscard]] UseOrder* order() const noexcept { return order_; }
  // Of an array whose memory may move, only as long as the call from JS lasts.
  [[nodiscard]] const Operand& operand() const noexcept { return operand_; }

  // Whether both have a byte in common.
  [[nodiscard]] bool overlaps(const Operand& other) const noexcept;
  // Whether a lane may write to it at any time, while these are read.
  [[nodiscard]] bool takes_directly(std::span<const Operand> inputs) const noexcept;
  // Whether a lane may write to it at all.
  [[nodiscard]] bool stays() const noexcept { return on_device() || array_.IsEmpty(); }

  // On the JS thread, of an array. Errors: Argument where it has shrunk meanwhile.
  void fill(const void* from) const;

 private:
  std::optional<Pin> pin_;
  Napi::ObjectReference array_;  // of memory that may move
  Operand operand_;
  UseOrder* order_ = nullptr;
};

}  // namespace tensorlane
