#include "binding/objects/buffer_object.h"

#include <string>
#include <utility>

#include "binding/values/convert.h"
#include "binding/workers/lane_worker.h"
#include "binding/workers/release_worker.h"
#include "device/operation.h"

namespace tensorlane {
namespace {

// Tells our buffers from any other wrapped object, which unwrapping would reinterpret.
constexpr napi_type_tag kBufferTag = {0x4b1f8c02d9e7463aULL, 0xb5a07d6e21c84f93ULL};

struct Held {
  std::shared_ptr<Buffer> buffer;
  std::shared_ptr<LanePool> pool;
};

// Lets go on a lane of a buffer that was collected, undisposed: there is nobody to tell.
class CollectedTask final : public Task {
 public:
  explicit CollectedTask(std::shared_ptr<Buffer> buffer) : buffer_(std::move(buffer)) {}
  [[nodiscard]] bool needs_device() const noexcept override { return false; }

 private:
  void run(Lane& /*lane*/) noexcept override { buffer_.reset(); }

  std::shared_ptr<Buffer> buffer_;
};

}  // namespace

Napi::Function BufferObject::define(Napi::Env env) {
  return DefineClass(env, "Buffer",
                     {
                         InstanceMethod<&BufferObject::bytes>("bytes"),
                         InstanceMethod<&BufferObject::release>("release"),
                     });
}

BufferObject::BufferObject(const Napi::CallbackInfo& info) : ObjectWrap(info) {
  if (!info[0].IsExternal()) throw Napi::TypeError::New(info.Env(), "buffers are made by Device.run()");
  Held& held = *info[0].As<Napi::External<Held>>().Data();
  buffer_ = std::move(held.buffer);
  pool_ = std::move(held.pool);
  info.This().As<Napi::Object>().TypeTag(&kBufferTag);
  accounted_ = static_cast<std::int64_t>(buffer_->bytes());
  Napi::MemoryManagement::AdjustExternalMemory(info.Env(), accounted_);
}

BufferObject::~BufferObject() {
  if (accounted_ != 0) Napi::MemoryManagement::AdjustExternalMemory(Env(), -accounted_);
  if (buffer_ == nullptr) return;
  std::unique_ptr<Task> task = std::make_unique<CollectedTask>(std::move(buffer_));
  static_cast<void>(pool_->submit(task));  // a pool that has been stopped leaves the task here, to be destroyed
}

Napi::Object BufferObject::make(Napi::Env env, std::shared_ptr<Buffer> buffer, std::shared_ptr<LanePool> pool) {
  Held held{std::move(buffer), std::move(pool)};
  return Environment::of(env)->buffer_class.New({Napi::External<Held>::New(env, &held)});
}

BufferObject::Part BufferObject::part(const Napi::Value& value, const char* what) {
  const Napi::Object part = to_object(value, what);
  const Napi::Value object = part.Get("buffer");
  if (!object.IsObject() || !object.As<Napi::Object>().CheckTypeTag(&kBufferTag)) {
    throw Error(Code::Argument, std::string(what) + ": a typed array or a part of a buffer was expected");
  }
  BufferObject& self = *Unwrap(object.As<Napi::Object>());
  if (self.buffer_ == nullptr) throw Error(Code::Disposed, std::string(what) + ": the tensor has been disposed");
  const auto offset = static_cast<std::size_t>(to_int(part.Get("offset"), "offset"));
  const auto bytes = static_cast<std::size_t>(to_int(part.Get("bytes"), "bytes"));
  const std::size_t whole = self.buffer_->bytes();
  if (offset > whole || bytes > whole - offset) {
    throw Error(Code::Shape, std::string(what) + ": bytes " + std::to_string(offset) + " to " +
                                 std::to_string(offset + bytes) + " of a buffer of " + std::to_string(whole));
  }
  return {{self.buffer_->data() + offset, bytes, self.buffer_}, &self.order_};
}

Napi::Value BufferObject::bytes(const Napi::CallbackInfo& info) {
  return Napi::Number::New(info.Env(), buffer_ == nullptr ? 0.0 : static_cast<double>(buffer_->bytes()));
}

Napi::Value BufferObject::release(const Napi::CallbackInfo& info) {
  return guarded(info.Env(), [&]() -> Napi::Value {
    if (buffer_ == nullptr) throw Error(Code::Disposed, "the tensor has been disposed");
    if (accounted_ != 0) Napi::MemoryManagement::AdjustExternalMemory(info.Env(), -accounted_);
    accounted_ = 0;
    const bool takes_little = static_cast<double>(buffer_->bytes()) <= kSmallWork;
    auto worker = std::make_unique<ReleaseWorker<Buffer>>(info.Env(), std::move(buffer_), takes_little);
    return LaneWorker::queue(std::move(worker), pool_);
  });
}

}  // namespace tensorlane
