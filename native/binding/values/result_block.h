// Memory for results: allocated and filled on a lane, then handed to JS without a copy.
//
// It is allocated when the work runs and not when it is asked for, so that a thousand waiting operations hold no memory
// for their results and cost the JS thread no garbage collection. That of large ones comes back when their arrays are collected, and
// is the next ones' (core/memory/kept_memory.h).
//
// What is more than one JS array can hold is refused before it is computed, or, where its size only shows then, before
// it is handed over: V8 would end the process.
#pragma once

#include <napi.h>

#include <atomic>
#include <cstddef>
#include <cstring>
#include <memory>
#include <string>
#include <utility>

#include "binding/values/given.h"
#include "binding/values/pin.h"
#include "core/error.h"
#include "core/memory/host_block.h"

namespace tensorlane {

// Bytes of one array of V8's: buffer.constants.MAX_LENGTH, which the first environment sets.
inline std::atomic<std::size_t> most_array_bytes{std::size_t{1} << 32U};

// Errors: OutOfMemory.
inline void check_fits_js(std::size_t bytes) {
  if (bytes <= most_array_bytes) return;
  throw Error(Code::OutOfMemory, "a result of " + std::to_string(bytes) +
                                     " bytes is more than one JS array can hold (" + std::to_string(most_array_bytes) +
                                     "); ask for it in parts, or keep it on the device and take slices");
}

// What is in it at first is what some result before left there: an operation writes it all.
class ResultBlock {
 public:
  ResultBlock() = default;
  // Errors: OutOfMemory, for what JS cannot hold, too.
  explicit ResultBlock(std::size_t bytes) {
    check_fits_js(bytes);
    block_ = HostBlock(bytes);
    if (block_.data() == nullptr) {
      throw Error(Code::OutOfMemory, "no memory for a result of " + std::to_string(bytes) + " bytes");
    }
  }

  [[nodiscard]] void* data() const noexcept { return block_.data(); }
  [[nodiscard]] std::size_t bytes() const noexcept { return block_.bytes(); }

 private:
  HostBlock block_;
};

// A new array of any size. Node-API's own function ends the process where there is no memory; JS's constructor throws.
inline Napi::ArrayBuffer new_array(Napi::Env env, std::size_t bytes) {
  if (bytes <= Pin::kCopyUpTo) return Napi::ArrayBuffer::New(env, bytes);
  try {
    const auto constructor = env.Global().Get("ArrayBuffer").As<Napi::Function>();
    return constructor.New({Napi::Number::New(env, static_cast<double>(bytes))}).As<Napi::ArrayBuffer>();
  } catch (const Napi::Error& error) {
    throw Error(Code::OutOfMemory, "no memory for a result of " + std::to_string(bytes) + " bytes: " + error.Message());
  }
}

// A JS buffer over native memory, which lives as long as `owner`; pins of it have a share in that. Where V8 refuses foreign memory (Electron), and where
// the memory is so small that it costs more to keep track of it than to copy it, a copy. Errors: OutOfMemory.
template <typename Owner>
Napi::Value give_to_js(Napi::Env env, const void* data, std::size_t bytes, std::unique_ptr<Owner> owner) {
  check_fits_js(bytes);
  const std::shared_ptr<Owner> shared(std::move(owner));
  if (bytes > Pin::kCopyUpTo) {
    given::add(data, shared);
    napi_value buffer = nullptr;
    const napi_status status = napi_create_external_arraybuffer(
        env, const_cast<void*>(data), bytes, [](napi_env, void*, void* array) { given::remove(array); },
        const_cast<void*>(data), &buffer);
    if (status == napi_ok) return {env, buffer};
    if (status != napi_no_external_buffers_allowed) {
      // Whether the finalizer has run or will is not said, and freeing what it then frees again is worse than never.
      if (env.IsExceptionPending()) static_cast<void>(env.GetAndClearPendingException());
      throw Error(Code::OutOfMemory, "V8 does not take a result of " + std::to_string(bytes) + " bytes");
    }
    given::remove(data);
  }
  Napi::ArrayBuffer copy = new_array(env, bytes);
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
