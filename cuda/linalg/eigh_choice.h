// Which of cuSOLVER's routines decomposes symmetric matrices.
#pragma once

#include <cstdint>

namespace tensorlane::cuda {

enum class EighMethod {
  Each,     // Xsyevd, one matrix after the other
  Batched,  // XsyevBatched, in CUDA 12.6.2 and later
  Jacobi,   // syevjBatched
};

// 500 of 100 x 100 took XsyevBatched 8 ms and a loop 914 (NVIDIA's figures). syevjBatched is made for matrices of up
// to 32.
constexpr EighMethod choose_eigh(std::int64_t batch, std::int64_t n, bool has_batched) {
  constexpr std::int64_t kLargestJacobi = 32;
  constexpr std::int64_t kMostElements = (std::int64_t{1} << 31) - 1;  // of a batch of XsyevBatched's
  if (batch == 1) return EighMethod::Each;
  if (has_batched && n <= kMostElements / n) return EighMethod::Batched;
  return n <= kLargestJacobi ? EighMethod::Jacobi : EighMethod::Each;
}

}  // namespace tensorlane::cuda
