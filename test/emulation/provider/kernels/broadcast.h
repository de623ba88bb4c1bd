// Broadcasting, as numpy has it: dims are lined up at their ends, and one of 1 is repeated.
#pragma once

#include <algorithm>
#include <cstddef>
#include <vector>

#include "provider/operators.h"

namespace emulated_provider {

// Errors: Failure, where they do not fit.
inline Shape broadcast(const Shape& a, const Shape& b) {
  Shape dims(std::max(a.size(), b.size()));
  for (std::size_t i = 0; i < dims.size(); ++i) {
    const std::int64_t left = i < a.size() ? a[a.size() - 1 - i] : 1;
    const std::int64_t right = i < b.size() ? b[b.size() - 1 - i] : 1;
    if (left != right && left != 1 && right != 1) throw Failure("the operands' dims do not fit together");
    dims[dims.size() - 1 - i] = left == 1 ? right : left;
  }
  return dims;
}

// Goes through all positions of `dims` in order, with the place of each in tensors that are broadcast to it. None of them is empty.
class Walk {
 public:
  Walk(Shape dims, const std::vector<Shape>& operands) : dims_(std::move(dims)), at_(dims_.size(), 0) {
    for (const Shape& own : operands) {
      Shape steps(dims_.size(), 0);
      std::int64_t step = 1;
      for (std::size_t i = 0; i < own.size(); ++i) {
        const std::size_t axis = own.size() - 1 - i;
        if (own[axis] != 1) steps[dims_.size() - 1 - i] = step;
        step *= own[axis];
      }
      steps_.push_back(std::move(steps));
    }
    places_.assign(operands.size(), 0);
  }

  [[nodiscard]] std::int64_t place(std::size_t operand) const { return places_[operand]; }

  bool next() {
    for (std::size_t axis = dims_.size(); axis-- > 0;) {
      const bool ends = ++at_[axis] == dims_[axis];
      const std::int64_t by = ends ? 1 - dims_[axis] : 1;
      for (std::size_t i = 0; i < places_.size(); ++i) places_[i] += by * steps_[i][axis];
      if (!ends) return true;
      at_[axis] = 0;
    }
    return false;
  }

 private:
  Shape dims_;
  Shape at_;
  std::vector<Shape> steps_;
  std::vector<std::int64_t> places_;
};

}  // namespace emulated_provider
