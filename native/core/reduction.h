// What a row of numbers comes to.
#pragma once

#include <array>

#include "core/words.h"

namespace tensorlane {

// Norm: the root of the sum of squares, without overflow in between.
enum class Reduction { Sum, Mean, Max, Min, Norm };

template <>
struct Words<Reduction> {
  static constexpr std::array kTable{
      Word{Reduction::Sum, "sum"}, Word{Reduction::Mean, "mean"}, Word{Reduction::Max, "max"},
      Word{Reduction::Min, "min"}, Word{Reduction::Norm, "norm"},
  };
};

}  // namespace tensorlane
