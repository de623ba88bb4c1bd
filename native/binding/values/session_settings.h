// Settings of a session as JS gives them: LoadOptions.session and LoadOptions.externalData in binding.d.ts.
#pragma once

#include <napi.h>

#include <deque>

#include "binding/values/pin.h"
#include "onnx/session/session_settings.h"

namespace tensorlane {

// Either may be undefined. `pins` are what keeps the external data in place. Errors: Argument.
SessionSettings to_session_settings(const Napi::Value& session, const Napi::Value& external_data,
                                    std::deque<Pin>& pins);

}  // namespace tensorlane
