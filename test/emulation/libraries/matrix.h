// Column-major matrices, between the device's memory and LAPACK.
//
// LAPACK is not instrumented. So what it works on are copies, and they are made here, where the sanitizers see each
// element of the device's memory that a routine reads or writes.
#pragma once

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <limits>
#include <string>
#include <vector>

#include "libraries/call.h"

namespace emulation::libraries {

template <typename T>
struct Matrix {
  std::int64_t rows = 0;
  std::int64_t columns = 0;
  std::vector<T> data;

  Matrix() = default;
  Matrix(std::int64_t m, std::int64_t n) : rows(m), columns(n), data(static_cast<std::size_t>(m * n)) {}
  T& operator()(std::int64_t i, std::int64_t j) { return data[static_cast<std::size_t>(j * rows + i)]; }
  const T& operator()(std::int64_t i, std::int64_t j) const { return data[static_cast<std::size_t>(j * rows + i)]; }
  [[nodiscard]] int ld() const { return static_cast<int>(std::max<std::int64_t>(1, rows)); }
};

// Of translated addresses, on a stream.
template <typename T>
Matrix<T> load(const T* from, std::int64_t rows, std::int64_t columns, std::int64_t ld) {
  Matrix<T> to(rows, columns);
  for (std::int64_t j = 0; j < columns; ++j)
    for (std::int64_t i = 0; i < rows; ++i) to(i, j) = from[j * ld + i];
  return to;
}

template <typename T>
void store(const Matrix<T>& from, T* to, std::int64_t ld) {
  for (std::int64_t j = 0; j < from.columns; ++j)
    for (std::int64_t i = 0; i < from.rows; ++i) to[j * ld + i] = from(i, j);
}

template <typename T>
void store(const std::vector<T>& from, T* to) {
  for (std::size_t i = 0; i < from.size(); ++i) to[i] = from[i];
}

// What a routine destroys.
template <typename T>
void spoil(T* a, std::int64_t rows, std::int64_t columns, std::int64_t ld) {
  for (std::int64_t j = 0; j < columns; ++j)
    for (std::int64_t i = 0; i < rows; ++i) a[j * ld + i] = std::numeric_limits<T>::quiet_NaN();
}

template <typename T>
bool all_finite(const std::vector<T>& values) {
  return std::all_of(values.begin(), values.end(), [](T value) { return std::isfinite(value); });
}

template <typename T, typename U>
Matrix<T> convert(const Matrix<U>& from) {
  Matrix<T> to(from.rows, from.columns);
  for (std::size_t i = 0; i < from.data.size(); ++i) to.data[i] = static_cast<T>(from.data[i]);
  return to;
}

template <typename T>
Matrix<T> transposed(const Matrix<T>& from) {
  Matrix<T> to(from.columns, from.rows);
  for (std::int64_t j = 0; j < from.columns; ++j)
    for (std::int64_t i = 0; i < from.rows; ++i) to(j, i) = from(i, j);
  return to;
}

// Checks of what a caller gives, before anything is put on a stream.
inline void check_device(const void* pointer, std::int64_t bytes, std::size_t alignment, const char* name) {
  if (bytes <= 0) return;
  if (!is_device_memory(pointer, static_cast<std::size_t>(bytes)))
    throw Refusal(Outcome::InvalidValue, std::string(name) + " is not " + std::to_string(bytes) +
                                             " bytes of the device's memory that are alive");
  if (reinterpret_cast<std::uintptr_t>(pointer) % alignment != 0)
    throw Refusal(Outcome::InvalidValue, std::string(name) + " is not aligned to " + std::to_string(alignment));
}

template <typename T>
void check_vector(const T* pointer, std::int64_t count, const char* name) {
  check_device(pointer, count * static_cast<std::int64_t>(sizeof(T)), sizeof(T), name);
}

// `batch` matrices, `stride` elements from one to the next.
template <typename T>
void check_matrix(const T* pointer, std::int64_t rows, std::int64_t columns, std::int64_t ld, const char* name,
                  std::int64_t batch = 1, std::int64_t stride = 0) {
  require(rows >= 0 && columns >= 0 && batch >= 0, "sizes of at least 0");
  if (ld < std::max<std::int64_t>(1, rows))
    throw Refusal(Outcome::InvalidValue, std::string("the leading dimension of ") + name + " is smaller than its rows");
  if (rows == 0 || columns == 0 || batch == 0) return;
  check_vector(pointer, (batch - 1) * stride + (columns - 1) * ld + rows, name);
}

inline void check_host(const void* pointer, const char* name) {
  if (pointer == nullptr || is_device_memory(pointer))
    throw Refusal(Outcome::InvalidValue, std::string(name) + " is not an address of the host");
}

// Workspace is written, so that two streams that share one are seen.
inline void scribble(void* workspace, std::size_t bytes) {
  if (bytes > 0) std::memset(workspace, 0xA5, bytes);
}

}  // namespace emulation::libraries
