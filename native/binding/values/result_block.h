// Memory for results: allocated and filled on a lane, then handed to JS without a copy.
//
// It is allocated when the work runs and not when it is asked for, so that a thousand waiting operations hold no memory
// for their results and cost the JS thread no garbage collection.
#pragma once

#include <napi.h>

#include <cstddef>
#include <cstdlib>
#include <cstring>
#include <memory>
#include <string>
#include <utility>

#include "binding/values/pin.h"
#include "core/error.h"

namespace tensorlane {

class ResultBlock {
 public:
  ResultBlock() = default;
  explicit ResultBlock(std::size_t bytes) : memory_(std::malloc(bytes == 0 ? 1 : bytes)), bytes_(bytes) {
    if (memory_ == nullptr) {
      throw Error(Code::OutOfMemory, "no memory for a result of " + std::to_string(bytes) + " bytes");
    }
  }

  [[nodiscard]] void* data() const noexcept { return memory_.get(); }
  [[nodiscard]] std::size_t bytes() const noexcept { return bytes_; }

 private:
  struct Free {
    void operator()(void* memory) const noexcept { std::free(memory); }
  };
  std::unique_ptr<void, Free> memory_;
  std::size_t bytes_ = 0;
};

// A JS buffer over native memory, which lives as long as `owner`. Where V8 refuses foreign memory (Electron), and where
// the memory is so small that it costs more to keep track of it than to copy it, a copy.
template <typename Owner>
Napi::Value give_to_js(Napi::Env env, const void* data, std::size_t bytes, std::unique_ptr<Owner> owner) {
  if (bytes > Pin::kCopyUpTo) {
    napi_value buffer = nullptr;
    const napi_status status = napi_create_external_arraybuffer(
        env, const_cast<void*>(data), bytes, [](napi_env, void*, void* hint) { delete static_cast<Owner*>(hint); },
        owner.get(), &buffer);
    if (status == napi_ok) {
      static_cast<void>(owner.release());
      return {env, buffer};
    }
  }
  Napi::ArrayBuffer copy = Napi::ArrayBuffer::New(env, bytes);
  if (bytes != 0) std::memcpy(copy.Data(), data, bytes);
  return copy;
}

inline Napi::Value give_to_js(Napi::Env env, ResultBlock block) {
  auto owner = std::make_unique<ResultBlock>(std::move(block));
  const void* data = owner->data();
  const std::size_t bytes = owner->bytes();
  return give_to_js(env, data, bytes, std::move(owner));
}

}  // namespace tensorlane
