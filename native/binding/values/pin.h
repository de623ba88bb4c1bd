// Keeps a JS buffer's memory in place while another thread reads or writes it.
//
// A reference to the typed array does not do that: its buffer can be transferred (postMessage, structuredClone) and
// then freed by whoever received it. What holds is a share in the buffer's backing store, which V8 hands out but
// Node-API does not. So V8's function is looked up at run time, and nothing of ours is bound to a V8 version; where it
// is not found, or where the memory could still shrink under us (a resizable buffer), the bytes are copied at once
// instead. An external array's backing store does not hold either when the environment ends: what of it is ours is held by its
// owner (given.h), and for what is another addon's the lanes are stopped in time (end_guard.h).
#pragma once

#include <napi.h>

#include <cstddef>
#include <memory>
#include <span>
#include <vector>

#include "binding/values/transfers.h"

namespace tensorlane {

class Pin {
 public:
  // Up to this size a user's input is copied when it is handed over, so it may be reused as soon as the call returns.
  static constexpr std::size_t kCopyUpTo = 65536;

  // An input that a user owns: copied up to kCopyUpTo, pinned above. Errors: Argument for anything but a typed array.
  static Pin input(const Napi::Value& view);

  // A part of a model's input, for which lib/ has already made that choice: pinned whatever its size.
  static Pin part(const Napi::Value& view);

  // A buffer made by lib/ that no user has seen: never copied, so that a lane can write to it.
  static Pin own(const Napi::Value& view);

  [[nodiscard]] std::span<std::byte> bytes() const noexcept { return bytes_; }

 private:
  static Pin make(const Napi::Value& view, bool copy);

  std::span<std::byte> bytes_;
  std::shared_ptr<void> store_;  // the backing store, or the owner of an external array's memory,
  transfers::Hold hold_;         // which a transfer leaves as it is; or
  std::vector<std::byte> copy_;  // the bytes themselves, or
  Napi::ObjectReference value_;  // for lib/'s buffers where V8's function is missing
};

}  // namespace tensorlane
