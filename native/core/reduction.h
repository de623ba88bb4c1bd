// What a row of numbers comes to.
#pragma once

namespace tensorlane {

// Norm: the root of the sum of squares, without overflow in between.
enum class Reduction { Sum, Mean, Max, Min, Norm };

}  // namespace tensorlane
