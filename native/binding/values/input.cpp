#include "binding/values/input.h"

#include <string>
#include <utility>

#include "binding/objects/buffer_object.h"
#include "binding/values/convert.h"

namespace tensorlane {

Input::Input(const Napi::Value& value, std::size_t least, const char* what) {
  if (value.IsTypedArray()) {
    pin_ = Pin::input(value);
    operand_.data = pin_->bytes().data();
    operand_.bytes = pin_->bytes().size();
  } else {
    BufferObject::Part part = BufferObject::part(value, what);
    operand_ = std::move(part.operand);
    order_ = part.order;
  }
  if (operand_.bytes < least) {
    throw Error(Code::Shape, std::string(what) + " has " + std::to_string(operand_.bytes) + " bytes, fewer than " +
                                 std::to_string(least));
  }
}

}  // namespace tensorlane
