// Between JS values and ours. Types and ranges are checked here for the binding's own safety; the messages that users
// are meant to see come from lib/, which checks first.
#pragma once

#include <napi.h>

#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include "core/dtype.h"
#include "core/error.h"

namespace tensorlane {

// A JS Error with `code`; `indices` where a batched operation names its culprits; `runtimeMessage` where ONNX Runtime failed.
inline Napi::Error to_js(Napi::Env env, const Error& error) {
  Napi::Error js = Napi::Error::New(env, error.what());
  js.Set("code", Napi::String::New(env, code_string(error.code())));
  if (!error.indices().empty()) {
    Napi::Array indices = Napi::Array::New(env, error.indices().size());
    for (std::uint32_t i = 0; i < error.indices().size(); ++i) {
      indices.Set(i, Napi::Number::New(env, static_cast<double>(error.indices()[i])));
    }
    js.Set("indices", indices);
  }
  if (!error.runtime_message().empty()) {
    js.Set("runtimeMessage", Napi::String::New(env, error.runtime_message()));
  }
  return js;
}

// Runs a binding method's body; what it throws becomes a JS exception with a code.
template <typename Body>
auto guarded(Napi::Env env, Body body) -> decltype(body()) {
  try {
    return body();
  } catch (const Error& error) {
    throw to_js(env, error);
  } catch (const std::bad_alloc&) {
    throw to_js(env, Error(Code::OutOfMemory, "out of host memory"));
  }
}

inline Napi::Object to_object(const Napi::Value& value, const char* what) {
  if (!value.IsObject()) throw Error(Code::Argument, std::string(what) + " must be an object");
  return value.As<Napi::Object>();
}

inline Napi::Array to_array(const Napi::Value& value, const char* what) {
  if (!value.IsArray()) throw Error(Code::Argument, std::string(what) + " must be an array");
  return value.As<Napi::Array>();
}

// Any integer that a JS number holds exactly.
inline std::int64_t to_integer(const Napi::Value& value, const char* what) {
  constexpr double kLargest = 9007199254740991.0;  // Number.MAX_SAFE_INTEGER
  const double number = value.IsNumber() ? value.As<Napi::Number>().DoubleValue() : kLargest + 1;
  if (!(number >= -kLargest && number <= kLargest) ||
      number != static_cast<double>(static_cast<std::int64_t>(number))) {
    throw Error(Code::Argument, std::string(what) + " must be an integer");
  }
  return static_cast<std::int64_t>(number);
}

// At least 0.
inline std::int64_t to_int(const Napi::Value& value, const char* what) {
  const std::int64_t number = value.IsNumber() ? to_integer(value, what) : -1;
  if (number < 0) throw Error(Code::Argument, std::string(what) + " must be an integer of at least 0");
  return number;
}

inline float to_float(const Napi::Value& value, const char* what) {
  if (!value.IsNumber()) throw Error(Code::Argument, std::string(what) + " must be a number");
  return value.As<Napi::Number>().FloatValue();
}

inline std::vector<std::int64_t> to_ints(const Napi::Value& value, const char* what) {
  const Napi::Array array = to_array(value, what);
  std::vector<std::int64_t> numbers;
  numbers.reserve(array.Length());
  for (std::uint32_t i = 0; i < array.Length(); ++i) numbers.push_back(to_int(array.Get(i), what));
  return numbers;
}

inline Napi::Array from_ints(Napi::Env env, std::span<const std::int64_t> numbers) {
  Napi::Array array = Napi::Array::New(env, numbers.size());
  for (std::uint32_t i = 0; i < numbers.size(); ++i) {
    array.Set(i, Napi::Number::New(env, static_cast<double>(numbers[i])));
  }
  return array;
}

inline Napi::String from_view(Napi::Env env, std::string_view text) {
  return Napi::String::New(env, text.data(), text.size());
}

// Errors: OutOfMemory, for what is longer than V8's strings can be.
inline Napi::String string_to_js(Napi::Env env, const std::string& text) {
  napi_value string = nullptr;
  if (napi_create_string_utf8(env, text.data(), text.size(), &string) != napi_ok) {
    if (env.IsExceptionPending()) static_cast<void>(env.GetAndClearPendingException());
    throw Error(Code::OutOfMemory, "a string of " + std::to_string(text.size()) + " bytes is more than JS can hold");
  }
  return {env, string};
}

}  // namespace tensorlane
