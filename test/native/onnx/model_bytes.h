// Small models as bytes in ONNX's format, for what no model at hand has. Field numbers are those of onnx.proto.
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include "core/dtype.h"
#include "onnx/graph/encode.h"

namespace tensorlane::test {

using Bytes = graph::Encoded;

inline Bytes number(unsigned field, std::int64_t value) { return graph::integer(field, value); }
inline Bytes field(unsigned field, const Bytes& value) { return graph::text(field, value); }

// Types.
inline Bytes tensor_of(DType type, const std::vector<std::int64_t>& dims) {
  Bytes shape;
  for (const std::int64_t dim : dims) shape += field(1, dim < 0 ? field(2, "N") : number(1, dim));
  return field(1, number(1, static_cast<std::int32_t>(type)) + field(2, shape));
}
inline Bytes unranked_tensor_of(DType type) { return field(1, number(1, static_cast<std::int32_t>(type))); }
inline Bytes sequence_of(const Bytes& inner) { return field(4, field(1, inner)); }
inline Bytes optional_of(const Bytes& inner) { return field(9, field(1, inner)); }
inline Bytes map_of(DType keys, const Bytes& inner) {
  return field(5, number(1, static_cast<std::int32_t>(keys)) + field(2, inner));
}

inline Bytes value(const Bytes& name, const Bytes& type) { return field(1, name) + field(2, type); }

inline Bytes node(const Bytes& op, const std::vector<Bytes>& inputs, const std::vector<Bytes>& outputs,
                  const Bytes& attributes = "", const Bytes& domain = "") {
  Bytes bytes;
  for (const Bytes& input : inputs) bytes += field(1, input);
  for (const Bytes& output : outputs) bytes += field(2, output);
  return bytes + field(4, op) + attributes + field(7, domain);
}

// An attribute of a node: integers, or strings.
inline Bytes ints(const Bytes& name, const std::vector<std::int64_t>& values) {
  Bytes bytes = field(1, name) + number(20, 7);
  for (const std::int64_t one : values) bytes += number(8, one);
  return field(5, bytes);
}
inline Bytes strings(const Bytes& name, const std::vector<Bytes>& values) {
  Bytes bytes = field(1, name) + number(20, 8);
  for (const Bytes& one : values) bytes += field(9, one);
  return field(5, bytes);
}

// Of float32: with these elements, or with those of a file.
inline Bytes floats(const Bytes& name, const std::vector<float>& values) {
  const Bytes raw(reinterpret_cast<const char*>(values.data()), values.size() * sizeof(float));
  return number(1, static_cast<std::int64_t>(values.size())) + number(2, 1) + field(8, name) + field(9, raw);
}
inline Bytes external_floats(const Bytes& name, std::int64_t count, const Bytes& path) {
  return number(1, count) + number(2, 1) + field(8, name) + field(13, field(1, "location") + field(2, path)) +
         number(14, 1);
}

struct GraphParts {
  std::vector<Bytes> nodes, inputs, outputs, initializers;
};

inline Bytes model_bytes(const GraphParts& parts) {
  Bytes graph = field(2, "graph");
  for (const Bytes& one : parts.nodes) graph += field(1, one);
  for (const Bytes& one : parts.initializers) graph += field(5, one);
  for (const Bytes& one : parts.inputs) graph += field(11, one);
  for (const Bytes& one : parts.outputs) graph += field(12, one);
  const Bytes opsets = field(8, field(1, "") + number(2, 18)) + field(8, field(1, "ai.onnx.ml") + number(2, 3));
  return number(1, 8) + field(7, graph) + opsets;
}

inline std::span<const std::byte> as_span(const Bytes& bytes) { return std::as_bytes(std::span(bytes)); }

}  // namespace tensorlane::test
