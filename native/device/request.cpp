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

Operand Request::host_operand(const char* name, std::size_t least) {
  Operand found = operand(name, least);
  if (found.buffer != nullptr) throw Error(Code::Argument, std::string(name) + " must be in host memory");
  return found;
}

std::int64_t checked_product(std::initializer_list<std::int64_t> sizes) {
  std::int64_t product = 1;
  for (const std::int64_t size : sizes) {
    if (__builtin_mul_overflow(product, size, &product)) throw Error(Code::Shape, "the size overflows");
  }
  return product;
}

std::size_t checked_bytes(DType type, std::initializer_list<std::int64_t> sizes) {
  return static_cast<std::size_t>(
      checked_product({checked_product(sizes), static_cast<std::int64_t>(byte_size(type, 1))}));
}

}  // namespace tensorlane
