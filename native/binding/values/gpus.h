// What NVIDIA's management library tells, for JS.
#pragma once

#include <napi.h>

namespace tensorlane {

Napi::Object describe_gpus(Napi::Env env);

}  // namespace tensorlane
