#include "device/request.h"

namespace tensorlane {

DType Request::type(const char* name) const {
  const std::string value = text(name);
  const DTypeInfo* info = find_dtype(value);
  if (info == nullptr || info->bits < 8) throw Error(Code::DType, "'" + value + "' is no type that this takes");
  return info->type;
}

DType Request::float_type() const {
  const DType found = type();
  if (found == DType::Float32 || found == DType::Float64) return found;
  throw Error(Code::DType, "expected float32 or float64, not " + std::string(dtype_name(found)));
}

DType Request::number_type() const {
  const DType found = type();
  return is_complex(found) ? found : float_type();
}

Operand Request::host_operand(const char* name, std::size_t least) {
  Operand found;
  operand(found, name, least);
  if (found.data == nullptr || found.buffer != nullptr) {
    throw Error(Code::Argument, std::string(name) + " must be in host memory");
  }
  return found;
}

namespace {

// Each of so many bytes.
std::int64_t checked_size(std::initializer_list<std::int64_t> sizes, std::int64_t bytes) {
  std::int64_t product = bytes;
  for (const std::int64_t size : sizes) {
    if (!__builtin_mul_overflow(product, size, &product)) continue;
    std::string all;
    for (const std::int64_t one : sizes) all.append(all.empty() ? "" : " x ").append(std::to_string(one));
    throw Error(Code::Shape, "an operand or a result of " + all + " elements is larger than can be counted");
  }
  return product;
}

}  // namespace

std::int64_t checked_product(std::initializer_list<std::int64_t> sizes) { return checked_size(sizes, 1); }

std::size_t checked_bytes(DType type, std::initializer_list<std::int64_t> sizes) {
  return static_cast<std::size_t>(checked_size(sizes, static_cast<std::int64_t>(byte_size(type, 1))));
}

}  // namespace tensorlane
