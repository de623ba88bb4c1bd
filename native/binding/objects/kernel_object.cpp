#include "binding/objects/kernel_object.h"

#include <cstring>
#include <limits>
#include <string>
#include <utility>
#include <vector>

#include "binding/objects/buffer_object.h"
#include "binding/values/convert.h"
#include "binding/values/pin.h"

namespace tensorlane {
namespace {

constexpr napi_type_tag kKernelTag = {0x92d4e7a15c3b4f08ULL, 0xa86f1b20e95d47c3ULL};

class CompileWorker final : public LaneWorker {
 public:
  CompileWorker(Napi::Env env, std::shared_ptr<Device> device, const Napi::Object& request)
      : LaneWorker(env),
        device_(std::move(device)),
        source_(request.Get("source").ToString()),
        name_(request.Get("name").ToString()) {
    const Napi::Array options = to_array(request.Get("options"), "options");
    for (std::uint32_t i = 0; i < options.Length(); ++i) options_.push_back(options.Get(i).ToString());
  }

 private:
  void Execute(Lane& lane) override { kernel_ = device_->compile(lane, source_, name_, options_); }

  Napi::Value Result(Napi::Env env) override {
    return Environment::of(env)->kernel_class.New({Napi::External<std::shared_ptr<Kernel>>::New(env, &kernel_)});
  }

  std::shared_ptr<Device> device_;
  std::string source_, name_;
  std::vector<std::string> options_;
  std::shared_ptr<Kernel> kernel_;
};

class LaunchWorker final : public LaneWorker {
 public:
  LaunchWorker(Napi::Env env, std::shared_ptr<Device> device, const Napi::Object& request)
      : LaneWorker(env), device_(std::move(device)) {
    args_.kernel = KernelObject::unwrap(request.Get("kernel"));
    read_size(request.Get("grid"), "grid", args_.grid);
    read_size(request.Get("block"), "block", args_.block);
    args_.shared_bytes = static_cast<std::size_t>(to_int(request.Get("sharedBytes"), "sharedBytes"));
    const Napi::Array arguments = to_array(request.Get("arguments"), "arguments");
    std::vector<UseOrder*> orders;
    for (std::uint32_t i = 0; i < arguments.Length(); ++i) orders.push_back(add_argument(arguments.Get(i)));
    for (std::size_t i = 0; i < orders.size(); ++i) {
      if (orders[i] != nullptr) uses(*orders[i], args_.arguments[i].writes);
    }
  }

  [[nodiscard]] bool pipelines() const noexcept override { return true; }

 private:
  static void read_size(const Napi::Value& value, const char* what, unsigned (&size)[3]) {
    const std::vector<std::int64_t> given = to_ints(value, what);
    if (given.size() != 3) throw Error(Code::Argument, std::string(what) + " must have three numbers");
    for (std::size_t i = 0; i < 3; ++i) {
      if (given[i] > std::numeric_limits<unsigned>::max()) {
        throw Error(Code::Argument, std::string(what) + " of " + std::to_string(given[i]) + " is more than CUDA takes");
      }
      size[i] = static_cast<unsigned>(given[i]);
    }
  }

  // Gives the order of its uses, for a buffer.
  UseOrder* add_argument(const Napi::Value& value) {
    KernelArgument& argument = args_.arguments.emplace_back();
    if (value.IsTypedArray()) {
      const auto bytes = value.As<Napi::Uint8Array>();
      argument.size = bytes.ByteLength();
      if (argument.size > sizeof(argument.bits)) throw Error(Code::Argument, "a scalar has up to eight bytes");
      std::memcpy(&argument.bits, bytes.Data(), argument.size);
      return nullptr;
    }
    BufferObject::Part part = BufferObject::part(value, "argument");
    argument.is_buffer = true;
    argument.operand = std::move(part.operand);
    argument.writes = value.As<Napi::Object>().Get("writes").ToBoolean();
    return part.order;
  }

  void Execute(Lane& lane) override { device_->launch(lane, args_); }

  std::shared_ptr<Device> device_;
  LaunchArgs args_;
};

}  // namespace

Napi::Function KernelObject::define(Napi::Env env) {
  return DefineClass(env, "Kernel", {InstanceMethod<&KernelObject::release>("release")});
}

KernelObject::KernelObject(const Napi::CallbackInfo& info) : ObjectWrap(info) {
  if (!info[0].IsExternal()) throw Napi::TypeError::New(info.Env(), "kernels are made by Device.compile()");
  kernel_ = *info[0].As<Napi::External<std::shared_ptr<Kernel>>>().Data();
  info.This().As<Napi::Object>().TypeTag(&kKernelTag);
}

std::shared_ptr<Kernel> KernelObject::unwrap(const Napi::Value& value) {
  if (!value.IsObject() || !value.As<Napi::Object>().CheckTypeTag(&kKernelTag)) {
    throw Error(Code::Argument, "a kernel made by Device.compile() was expected");
  }
  std::shared_ptr<Kernel> kernel = Unwrap(value.As<Napi::Object>())->kernel_;
  if (kernel == nullptr) throw Error(Code::Disposed, "the kernel has been disposed");
  return kernel;
}

void KernelObject::release(const Napi::CallbackInfo& /*info*/) { kernel_.reset(); }

std::unique_ptr<LaneWorker> make_compile_worker(Napi::Env env, std::shared_ptr<Device> device,
                                                const Napi::Object& request) {
  return std::make_unique<CompileWorker>(env, std::move(device), request);
}

std::unique_ptr<LaneWorker> make_launch_worker(Napi::Env env, std::shared_ptr<Device> device,
                                               const Napi::Object& request) {
  return std::make_unique<LaunchWorker>(env, std::move(device), request);
}

}  // namespace tensorlane
