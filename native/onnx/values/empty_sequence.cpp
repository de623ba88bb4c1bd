#include "onnx/values/empty_sequence.h"

#include <cstdint>
#include <string>

#include "core/error.h"
#include "onnx/graph/encode.h"

namespace tensorlane {
namespace {

using graph::Encoded, graph::integer, graph::text;

// y = SequenceEmpty() of tensors of that type.
Encoded model_of(DType type) {
  constexpr std::int64_t kInt = 2;  // AttributeProto.AttributeType
  const auto element = static_cast<std::int32_t>(type);
  const Encoded attribute = text(1, "dtype") + integer(3, element) + integer(20, kInt);
  const Encoded node = text(2, "y") + text(4, "SequenceEmpty") + text(5, attribute);
  const Encoded sequence = text(4, text(1, text(1, integer(1, element))));
  const Encoded graph = text(1, node) + text(2, "empty") + text(12, text(1, "y") + text(2, sequence));
  return integer(1, 8) + text(7, graph) + text(8, integer(2, 15));
}

ort::OwnedValue run(const ort::Runtime& runtime, const Encoded& model) {
  const ort::Api& api = runtime.api;
  const ort::Attempt making(runtime, "making an empty sequence");
  ort::OwnedSessionOptions options(api);
  making(api.CreateSessionOptions(options.out()));
  making(api.SetIntraOpNumThreads(options.get(), 1));
  making(api.SetInterOpNumThreads(options.get(), 1));
  ort::OwnedSession session(api);
  making(api.CreateSessionFromArray(runtime.env, model.data(), model.size(), options.get(), session.out()));
  const char* name = "y";
  ort::OwnedValue value(api);
  making(api.Run(session.get(), nullptr, nullptr, nullptr, 0, &name, 1, value.out()));
  return value;
}

}  // namespace

ort::OwnedValue empty_sequence(const ort::Runtime& runtime, const ValueType& inner) {
  if (inner.kind != ValueKind::Tensor) {
    throw Error(Code::NotSupported, "a sequence of maps or of sequences must have at least one of them");
  }
  return run(runtime, model_of(inner.type));
}

}  // namespace tensorlane
