#include "binding/values/conversion.h"

#include "cpu/operations.h"

namespace tensorlane {

Conversion::Conversion(DType from, DType to, std::size_t bytes, Operand& place) : place_(&place) {
  args_.from_type = from;
  args_.to_type = to;
  const std::size_t each = byte_size(to, 1);
  args_.count = each == 0 ? 0 : static_cast<std::int64_t>(bytes / each);
  args_.result.bytes = checked_bytes(to, {args_.count});
}

std::size_t Conversion::least() const { return checked_bytes(args_.from_type, {args_.count}); }

void Conversion::run(Device& device, Lane& lane) {
  Operand& result = args_.result;
  if (args_.a.buffer != nullptr) {
    result.buffer = device.allocate(lane, result.bytes);
    result.data = result.buffer->data();
    device.cast(lane, args_);
  } else {
    host_ = std::make_unique_for_overwrite<std::byte[]>(result.bytes);
    result.data = host_.get();
    cpu::cast(lane, args_);
  }
  *place_ = result;
}

}  // namespace tensorlane
