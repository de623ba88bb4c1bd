// Numbers out of JSON texts, and into them: on lanes of the environment's own, because no device is needed for it, and what runs on one must
// not wait for it.
#pragma once

#include <napi.h>

namespace tensorlane {

// binding.d.ts's findNumbers, readNumbers, printNumbers and printNumbersNow. Errors: Argument; those of json/read.h and json/print.h.
Napi::Promise queue_find_numbers(Napi::Env env, const Napi::Value& text, const Napi::Value& least);
Napi::Promise queue_read_numbers(Napi::Env env, const Napi::Object& request);
Napi::Promise queue_print_numbers(Napi::Env env, const Napi::Object& request);
Napi::Object print_numbers_now(Napi::Env env, const Napi::Object& request);

}  // namespace tensorlane
