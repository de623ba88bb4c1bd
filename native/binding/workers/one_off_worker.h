// An AsyncWorker that settles a promise, for one-off work that frees its libuv thread promptly: finding and opening a
// device, reading and loading a model.
#pragma once

#include <napi.h>

#include <exception>
#include <memory>
#include <new>
#include <optional>

#include "binding/values/convert.h"
#include "core/error.h"

namespace tensorlane {

class OneOffWorker : public Napi::AsyncWorker {
 public:
  explicit OneOffWorker(Napi::Env env) : AsyncWorker(env), deferred_(Napi::Promise::Deferred::New(env)) {}

  static Napi::Promise queue(std::unique_ptr<OneOffWorker> worker) {
    const Napi::Promise promise = worker->deferred_.Promise();
    worker.release()->Queue();
    return promise;  // NOLINT(clang-analyzer-cplusplus.NewDeleteLeaks): the worker deletes itself
  }

 protected:
  // On a libuv thread. What it throws rejects the promise.
  virtual void Work() = 0;
  // On the JS thread: what the promise resolves to.
  virtual Napi::Value Result(Napi::Env env) = 0;

 private:
  void Execute() final {
    try {
      Work();
    } catch (const Error& error) {
      error_ = error;
    } catch (const std::bad_alloc&) {
      error_ = Error(Code::OutOfMemory, "out of host memory");
    } catch (const std::exception& error) {
      error_ = Error(Code::Internal, error.what());
    }
  }

  void OnOK() final {
    if (error_.has_value()) {
      deferred_.Reject(to_js(Env(), *error_).Value());
    } else {
      deferred_.Resolve(Result(Env()));
    }
  }

  Napi::Promise::Deferred deferred_;
  std::optional<Error> error_;
};

}  // namespace tensorlane
