// Element types. The enumerators are ONNX's own numbers (TensorProto.DataType), so no table maps one to the other; the
// names are those of onnxruntime-common.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string_view>

namespace tensorlane {

enum class DType : std::int32_t {
  Float32 = 1,
  UInt8 = 2,
  Int8 = 3,
  UInt16 = 4,
  Int16 = 5,
  Int32 = 6,
  Int64 = 7,
  String = 8,
  Bool = 9,
  Float16 = 10,
  Float64 = 11,
  UInt32 = 12,
  UInt64 = 13,
  Complex64 = 14,  // two floats, the real part first
  Complex128 = 15,
  BFloat16 = 16,
  Float8E4M3FN = 17,
  Float8E4M3FNUZ = 18,
  Float8E5M2 = 19,
  Float8E5M2FNUZ = 20,
  UInt4 = 21,
  Int4 = 22,
  Float4E2M1 = 23,
  Float8E8M0 = 24,
  UInt2 = 25,
  Int2 = 26,
};

struct DTypeInfo {
  DType type;
  std::string_view name;
  unsigned bits;  // an element's size; 0 for strings, which have none
};

inline constexpr std::array<DTypeInfo, 26> kDTypes{{
    {DType::Float32, "float32", 32},
    {DType::Float64, "float64", 64},
    {DType::Float16, "float16", 16},
    {DType::BFloat16, "bfloat16", 16},
    {DType::Float8E4M3FN, "float8e4m3fn", 8},
    {DType::Float8E4M3FNUZ, "float8e4m3fnuz", 8},
    {DType::Float8E5M2, "float8e5m2", 8},
    {DType::Float8E5M2FNUZ, "float8e5m2fnuz", 8},
    {DType::Float8E8M0, "float8e8m0", 8},
    {DType::Float4E2M1, "float4e2m1", 4},
    {DType::Int8, "int8", 8},
    {DType::Int16, "int16", 16},
    {DType::Int32, "int32", 32},
    {DType::Int64, "int64", 64},
    {DType::UInt8, "uint8", 8},
    {DType::UInt16, "uint16", 16},
    {DType::UInt32, "uint32", 32},
    {DType::UInt64, "uint64", 64},
    {DType::Int4, "int4", 4},
    {DType::UInt4, "uint4", 4},
    {DType::Int2, "int2", 2},
    {DType::UInt2, "uint2", 2},
    {DType::Bool, "bool", 8},
    {DType::Complex64, "complex64", 64},
    {DType::Complex128, "complex128", 128},
    {DType::String, "string", 0},
}};

constexpr const DTypeInfo* find_dtype(std::int32_t onnx) {
  for (const DTypeInfo& info : kDTypes) {
    if (static_cast<std::int32_t>(info.type) == onnx) return &info;
  }
  return nullptr;
}

constexpr const DTypeInfo* find_dtype(std::string_view name) {
  for (const DTypeInfo& info : kDTypes) {
    if (info.name == name) return &info;
  }
  return nullptr;
}

constexpr std::string_view dtype_name(DType type) {
  const DTypeInfo* info = find_dtype(static_cast<std::int32_t>(type));
  return info == nullptr ? std::string_view("unknown") : info->name;
}

constexpr bool is_complex(DType type) { return type == DType::Complex64 || type == DType::Complex128; }

// float32 and float64, which have all algebra.
constexpr bool is_float(DType type) { return type == DType::Float32 || type == DType::Float64; }

// Of what a complex type's parts are, and which complex type has such parts; others stay as they are.
constexpr DType real_of(DType type) {
  return type == DType::Complex64 ? DType::Float32 : (type == DType::Complex128 ? DType::Float64 : type);
}
constexpr DType complex_of(DType type) {
  return type == DType::Float32 ? DType::Complex64 : (type == DType::Float64 ? DType::Complex128 : type);
}

// Elements of four and two bits are packed, two and four a byte; the last byte may have fewer.
constexpr std::size_t byte_size(DType type, std::size_t elements) {
  const DTypeInfo* info = find_dtype(static_cast<std::int32_t>(type));
  const std::size_t bits = info == nullptr ? 0 : info->bits;
  return bits < 8 ? (elements * bits + 7) / 8 : elements * (bits / 8);
}

}  // namespace tensorlane
