// Keeps memory that is held (pin.h) where it is, though its ArrayBuffer is transferred.
//
// ArrayBuffer.prototype.transfer with another length reallocates the memory in V8 12 (Node 21 to 23), whoever else has a share in
// the backing store. V8's detach key would refuse that, and ends the process where it does. So the functions are replaced, in the
// environments of such a V8: for memory that is held they copy, as V8 does from version 13 on, and for all else they call V8's.
// Of a buffer whose `transfer` is not that function (of another realm, or replaced by somebody), nothing can be held.
#pragma once

#include <napi.h>

#include <utility>

namespace tensorlane::transfers {

// One of the two, in one environment. Empty where V8 needs no guard.
struct Function {
  Napi::FunctionReference original;
  Napi::FunctionReference guarded;
};

struct Functions {
  Function transfer;
  Function transfer_to_fixed_length;
};

// As an environment begins: replaces the functions where V8 wants it.
void guard(Napi::Env env, Functions& functions);

// On the JS thread: whether this buffer's memory can be held.
[[nodiscard]] bool can_hold(const Functions& functions, const Napi::ArrayBuffer& buffer);

// Memory counts as held as long as one of these has its address. Destroyed on any thread.
class Hold {
 public:
  Hold() = default;
  explicit Hold(const void* data);
  Hold(Hold&& other) noexcept : data_(std::exchange(other.data_, nullptr)) {}
  Hold& operator=(Hold&& other) noexcept {
    std::swap(data_, other.data_);
    return *this;
  }
  Hold(const Hold&) = delete;
  Hold& operator=(const Hold&) = delete;
  ~Hold();

 private:
  const void* data_ = nullptr;
};

}  // namespace tensorlane::transfers
