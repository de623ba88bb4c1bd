// Which systems of a batch, whose operands broadcast, use what failed.
#pragma once

#include <cstdint>
#include <vector>

#include "core/batch_dims.h"

namespace tensorlane::cuda {

struct Systems {
  std::vector<std::int64_t> dims, a_strides, b_strides;

  [[nodiscard]] std::vector<std::int64_t> with(const std::vector<int>* a, const std::vector<int>* b) const {
    const auto bad = [](const std::vector<int>* words, std::int64_t i) {
      return words != nullptr && (*words)[static_cast<std::size_t>(i)] != 0;
    };
    std::vector<std::int64_t> systems;
    for_each_batch(dims, a_strides, b_strides, [&](std::int64_t i, std::int64_t ai, std::int64_t bi) {
      if (bad(a, ai) || bad(b, bi)) systems.push_back(i);
    });
    return systems;
  }
};

}  // namespace tensorlane::cuda
