// Transposes tensors: the result is written from front to back, and read from wherever it lies.
#include <array>
#include <cstddef>
#include <cstdint>
#include <string>
#include <utility>
#include <vector>

#include "core/error.h"
#include "cpu/linalg/operation.h"
#include "cpu/operations.h"

namespace tensorlane::cpu {
namespace {

// Of the result: an axis' size, and how many elements of the operand one step along it is.
struct Axis {
  std::int64_t size, step;
};

// Axes that follow one another in the operand as well become one.
std::vector<Axis> axes_of(const TransposeArgs& args) {
  std::vector<std::int64_t> steps(args.dims.size(), 1);
  for (std::size_t axis = args.dims.size(); axis-- > 1;) steps[axis - 1] = steps[axis] * args.dims[axis];
  std::vector<Axis> axes;
  for (const std::int64_t from : args.axes) {
    const Axis one{args.dims[static_cast<std::size_t>(from)], steps[static_cast<std::size_t>(from)]};
    if (one.size == 1) continue;
    if (!axes.empty() && axes.back().step == one.size * one.step) {
      axes.back() = {axes.back().size * one.size, one.step};
    } else {
      axes.push_back(one);
    }
  }
  if (axes.empty()) axes.push_back({1, 1});
  return axes;
}

template <typename T>
void transpose_elements(const TransposeArgs& args) {
  std::vector<Axis> axes = axes_of(args);
  std::int64_t rows = 1;
  for (const Axis& axis : axes) rows *= axis.size;
  if (rows == 0) return;
  const Axis inner = axes.back();
  axes.pop_back();
  rows /= inner.size;
  const T* from = elements<const T>(args.a);
  T* to = elements<T>(args.result);
  std::vector<std::int64_t> at(axes.size(), 0);
  for (std::int64_t row = 0; row < rows; ++row, to += inner.size) {
    for (std::int64_t i = 0; i < inner.size; ++i) to[i] = from[i * inner.step];
    for (std::size_t axis = axes.size(); axis-- > 0;) {
      from += axes[axis].step;
      if (++at[axis] < axes[axis].size) break;
      from -= axes[axis].step * axes[axis].size;
      at[axis] = 0;
    }
  }
}

}  // namespace

void transpose(Lane& /*lane*/, const TransposeArgs& args) {
  switch (args.element_bytes) {
    case 1:
      return transpose_elements<std::uint8_t>(args);
    case 2:
      return transpose_elements<std::uint16_t>(args);
    case 4:
      return transpose_elements<std::uint32_t>(args);
    case 8:
      return transpose_elements<std::uint64_t>(args);
    case 16:
      return transpose_elements<std::array<std::uint64_t, 2>>(args);
    default:
      throw Error(Code::Internal, "transpose: elements of " + std::to_string(args.element_bytes) + " bytes");
  }
}

}  // namespace tensorlane::cpu
