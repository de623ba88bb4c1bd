// The batch of an operation whose operands broadcast against each other, as runs in which each operand advances evenly.
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <vector>

namespace tensorlane::cuda {

class BatchWalk {
 public:
  // Strides as in MatmulArgs.
  BatchWalk(const std::vector<std::int64_t>& dims, const std::vector<std::int64_t>& a_strides,
            const std::vector<std::int64_t>& b_strides) {
    for (std::size_t axis = 0; axis < dims.size(); ++axis) {
      total_ *= dims[axis];
      if (dims[axis] == 1) continue;
      const Axis one{dims[axis], a_strides[axis], b_strides[axis]};
      // An axis whose steps continue those of the next outer one lengthens it.
      if (!axes_.empty() && axes_.back().a == one.a * one.size && axes_.back().b == one.b * one.size) {
        axes_.back() = {axes_.back().size * one.size, one.a, one.b};
      } else {
        axes_.push_back(one);
      }
    }
    if (axes_.empty()) axes_.push_back({1, 0, 0});
    a_is_item_ = is_item(dims, a_strides);
    b_is_item_ = is_item(dims, b_strides);
  }

  [[nodiscard]] std::int64_t total() const noexcept { return total_; }
  // From one item of a run to the next.
  [[nodiscard]] std::int64_t a_step() const noexcept { return axes_.back().a; }
  [[nodiscard]] std::int64_t b_step() const noexcept { return axes_.back().b; }
  // Whether the item i uses the operand's matrix i.
  [[nodiscard]] bool a_is_item() const noexcept { return a_is_item_; }
  [[nodiscard]] bool b_is_item() const noexcept { return b_is_item_; }
  // Whether all items use the operand's one matrix.
  [[nodiscard]] bool b_is_shared() const noexcept { return axes_.size() == 1 && b_step() == 0; }

  // Calls visit(item, size, a, b) for each run among the `count` items from `first` on; a and b are the operands'
  // matrices for `item`.
  template <typename Visit>
  void for_each_run(std::int64_t first, std::int64_t count, Visit visit) const {
    const std::int64_t end = first + count;
    for (std::int64_t item = first; item < end;) {
      std::int64_t rest = item;
      std::int64_t a = 0;
      std::int64_t b = 0;
      for (std::size_t axis = axes_.size(); axis-- > 0;) {
        const std::int64_t along = rest % axes_[axis].size;
        rest /= axes_[axis].size;
        a += along * axes_[axis].a;
        b += along * axes_[axis].b;
      }
      const std::int64_t inner = axes_.back().size;
      const std::int64_t size = std::min(inner - item % inner, end - item);
      visit(item, size, a, b);
      item += size;
    }
  }

 private:
  struct Axis {
    std::int64_t size, a, b;
  };

  static bool is_item(const std::vector<std::int64_t>& dims, const std::vector<std::int64_t>& strides) {
    std::int64_t packed = 1;
    for (std::size_t axis = dims.size(); axis-- > 0;) {
      if (dims[axis] != 1 && strides[axis] != packed) return false;
      packed *= dims[axis];
    }
    return true;
  }

  std::vector<Axis> axes_;
  std::int64_t total_ = 1;
  bool a_is_item_ = false;
  bool b_is_item_ = false;
};

}  // namespace tensorlane::cuda
