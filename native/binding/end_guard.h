// Has lanes stopped before memory that they read is freed, where that memory is another addon's.
//
// When an environment ends, Node has the memory under external ArrayBuffers freed, whoever holds their backing stores: one array
// after the other, the newest first, and before any cleanup hook (older versions of Node: in turn with these). So whoever
// hands arrays to a lane has an external array of our own made then. It is newer than they are, and its finalizer comes first.
#pragma once

#include <napi.h>

#include <functional>

namespace tensorlane {

class EndGuard {
 public:
  // On the JS thread. `at_end` is called there when the environment ends, before the memory under any array that there is
  // now is freed; the one that was given before is forgotten. Errors: OutOfMemory.
  void renew(Napi::Env env, std::function<void()> at_end);

  // In the cleanup hook: the environment frees its own references.
  void close() noexcept { array_.SuppressDestruct(); }

 private:
  struct Ending {
    std::function<void()> act;  // empty: a newer one has its place
  };

  Napi::Reference<Napi::ArrayBuffer> array_;
  Ending* ending_ = nullptr;  // the array's, whose finalizer destroys it
};

}  // namespace tensorlane
