// The JS class Buffer: memory of a device that a DeviceTensor holds.
//
// Whoever lets go of the last hold, on whatever thread, frees it in the order of the device's work; so operations that
// were given it go on, and neither release() nor the garbage collector waits.
#pragma once

#include <napi.h>

#include <memory>

#include "core/lanes/lane.h"
#include "core/lanes/use_order.h"
#include "device/device.h"

namespace tensorlane {

class BufferObject : public Napi::ObjectWrap<BufferObject> {
 public:
  static Napi::Function define(Napi::Env env);
  static Napi::Object make(Napi::Env env, std::shared_ptr<Buffer> buffer, std::shared_ptr<LanePool> pool);
  struct Part {
    Operand operand;
    UseOrder* order;  // as long as the object lives
  };
  // Of `{ buffer, offset, bytes }`. Errors: Argument, Shape, Disposed.
  static Part part(const Napi::Value& value, const char* what);

  explicit BufferObject(const Napi::CallbackInfo& info);
  ~BufferObject() override;

 private:
  Napi::Value bytes(const Napi::CallbackInfo& info);
  Napi::Value release(const Napi::CallbackInfo& info);

  std::shared_ptr<Buffer> buffer_;
  UseOrder order_;
  std::shared_ptr<LanePool> pool_;
  std::int64_t accounted_ = 0;  // bytes that V8 was told of
};

}  // namespace tensorlane
