#include "binding/end_guard.h"

#include <memory>
#include <utility>

#include "core/error.h"

namespace tensorlane {

void EndGuard::renew(Napi::Env env, std::function<void()> at_end) {
  auto ending = std::make_unique<Ending>();
  ending->act = std::move(at_end);
  napi_value array = nullptr;
  const auto finalize = [](napi_env, void* data, void*) {
    const std::unique_ptr<Ending> ended(static_cast<Ending*>(data));
    if (ended->act) ended->act();
  };
  const napi_status status =
      napi_create_external_arraybuffer(env, ending.get(), sizeof(Ending), finalize, nullptr, &array);
  if (status == napi_no_external_buffers_allowed) return;  // so nobody has any
  Ending* made = ending.release();                         // also of a failure, as nobody says whether it was finalized
  if (status != napi_ok) {
    if (env.IsExceptionPending()) static_cast<void>(env.GetAndClearPendingException());
    throw Error(Code::OutOfMemory, "V8 has no memory for an array");
  }
  array_ = Napi::Persistent(Napi::ArrayBuffer(env, array));
  if (ending_ != nullptr) ending_->act = nullptr;
  ending_ = made;
}

}  // namespace tensorlane
