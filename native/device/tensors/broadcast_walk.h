// How operands that broadcast against each other are walked: in as few axes as their strides allow.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <vector>

#include "device/request.h"

namespace tensorlane {

// Of kOperands. Each is contiguous: along an axis it advances by what lies within one of the axis' steps, or not at all.
template <std::size_t kOperands>
struct BroadcastWalk {
  static constexpr std::size_t kMostAxes = 8;
  struct Axis {
    std::int64_t size = 1;
    std::array<std::int64_t, kOperands> strides{};  // in elements
  };

  std::vector<Axis> axes;                        // at least one, the outermost first
  std::int64_t total = 1;                        // elements of the result
  std::array<std::int64_t, kOperands> counts{};  // elements of each operand

  // Errors: Argument for strides that are none of a contiguous operand, Shape for too many axes.
  void read(const Request& request, const std::array<const char*, kOperands>& names) {
    const std::vector<std::int64_t> dims = request.sizes("dims");
    std::array<std::vector<std::int64_t>, kOperands> strides;
    for (std::size_t o = 0; o < kOperands; ++o) {
      strides[o] = request.sizes(names[o]);
      if (strides[o].size() != dims.size()) throw Error(Code::Argument, "one stride for every dimension is needed");
    }
    counts.fill(1);
    std::vector<Axis> inward;  // the innermost first
    for (std::size_t axis = dims.size(); axis-- > 0;) {
      total = checked_product({total, dims[axis]});
      Axis one{dims[axis], {}};
      for (std::size_t o = 0; o < kOperands; ++o) {
        const std::int64_t stride = strides[o][axis];
        if (stride == 0) continue;
        if (stride != counts[o]) throw Error(Code::Argument, "an operand is not contiguous");
        one.strides[o] = stride;
        counts[o] = checked_product({counts[o], dims[axis]});
      }
      if (one.size == 1) continue;
      if (!inward.empty() && continues(inward.back(), one)) {
        inward.back().size *= one.size;
      } else {
        inward.push_back(one);
      }
    }
    axes.assign(inward.rbegin(), inward.rend());
    if (axes.empty()) axes.emplace_back();
    if (axes.size() > kMostAxes) {
      throw Error(Code::Shape, "the operands broadcast along more than " + std::to_string(kMostAxes) +
                                   " axes by turns; reshape them");
    }
  }

 private:
  // Whether a step of the outer axis is as many of the inner one's as there are.
  static bool continues(const Axis& inner, const Axis& outer) {
    for (std::size_t o = 0; o < kOperands; ++o) {
      if (outer.strides[o] != inner.strides[o] * inner.size) return false;
    }
    return true;
  }
};

}  // namespace tensorlane
