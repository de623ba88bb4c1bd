// LU factors with partial pivoting, by LAPACK's getrf, of A and not of its transpose: so its rows are what is exchanged, and A
// is transposed on its way to LAPACK, whose matrices lie by columns, and back.
//
// Where the factors come out infinite or NaN, or digits are lost beside the smallest numbers, the columns are scaled by
// powers of two and factorised once more: that changes neither l nor the pivots, and each column of u as it was scaled.
#include <algorithm>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <limits>
#include <numeric>
#include <tuple>
#include <utility>
#include <vector>

#include "cpu/complex/lapack.h"
#include "cpu/linalg/equilibration.h"
#include "cpu/linalg/finite.h"
#include "cpu/linalg/lapack.h"
#include "cpu/linalg/matrix.h"
#include "cpu/linalg/operation.h"
#include "cpu/operations.h"

namespace tensorlane::cpu {
namespace {

using lapack::Int;

// Where the exchanges bring each row of matrix i.
void write_permutation(const LuFactorArgs& args, std::int64_t i, const std::int32_t* pivots) {
  std::vector<std::int32_t> order(static_cast<std::size_t>(args.m));  // which row of a each row of l u is
  std::iota(order.begin(), order.end(), 0);
  for (std::int64_t j = 0; j < std::min(args.m, args.n); ++j) {
    std::swap(order[static_cast<std::size_t>(j)], order[static_cast<std::size_t>(pivots[j])]);
  }
  auto* permutation = elements<std::int32_t>(args.permutation) + i * args.m;
  for (std::size_t j = 0; j < order.size(); ++j) permutation[order[j]] = static_cast<std::int32_t>(j);
}

template <typename T>
class Lu {
 public:
  Lu(Lane& lane, const LuFactorArgs& args) : args_(args), m_(args.m), n_(args.n), k_(std::min(args.m, args.n)) {
    std::tie(lu_, pivots_) = take_arrays<T, Int>(lane.workspace(), m_ * n_, k_);
  }

  [[nodiscard]] bool load(std::int64_t i) {
    transpose(elements<const T>(args_.a) + i * m_ * n_, m_, n_, lu_);
    return all_finite(lu_, count());
  }

  // Whether the factors can be held in the type.
  [[nodiscard]] bool compute(std::int64_t i) {
    if (!eliminate_scaled(i)) return false;
    transpose(lu_, n_, m_, elements<T>(args_.lu) + i * m_ * n_);
    write_pivots(i);
    return true;
  }

 private:
  [[nodiscard]] std::size_t count() const { return static_cast<std::size_t>(m_ * n_); }

  [[nodiscard]] bool eliminate_scaled(std::int64_t i) {
    const bool tiny = has_tiny(lu_, m_ * n_);
    eliminate();
    if (all_finite(lu_, count()) && !loses_digits(tiny)) return true;
    if (!load(i)) return false;  // written to meanwhile
    const std::vector<int> exponents = scale_columns();
    eliminate();
    scale_back(exponents);
    return all_finite(lu_, count());
  }

  // What is singular goes on to the end.
  void eliminate() {
    Int info = 0;
    lapack::getrf(static_cast<Int>(m_), static_cast<Int>(n_), lu_, pivots_, &info);
    check_info("luFactor: getrf", info);
  }

  // Whether there is a pivot beside which rounding is absolute. One of 0 says so only where something may have vanished.
  [[nodiscard]] bool loses_digits(bool tiny) const {
    for (std::int64_t i = 0; i < k_; ++i) {
      const Real<T> pivot = magnitude(lu_[i * (m_ + 1)]);
      if (pivot < kLeastWithAllDigits<T> && (pivot != 0 || tiny)) return true;
    }
    return false;
  }

  std::vector<int> scale_columns() {
    std::vector<int> exponents;
    for (std::int64_t j = 0; j < n_; ++j) {
      const int exponent = exponent_of_largest(lu_ + j * m_, m_);
      for (std::int64_t i = 0; i < m_; ++i) lu_[j * m_ + i] = times_power_of_two(lu_[j * m_ + i], -exponent);
      exponents.push_back(exponent);
    }
    return exponents;
  }

  void scale_back(const std::vector<int>& exponents) {
    for (std::int64_t j = 0; j < n_; ++j) {
      T* column = lu_ + j * m_;
      for (std::int64_t i = 0; i <= std::min(j, m_ - 1); ++i) {
        column[i] = times_power_of_two(column[i], exponents[static_cast<std::size_t>(j)]);
      }
    }
  }

  void write_pivots(std::int64_t i) {
    auto* pivots = elements<std::int32_t>(args_.pivots) + i * k_;
    for (std::int64_t j = 0; j < k_; ++j) pivots[j] = pivots_[j] - 1;
    if (args_.wants_permutation) write_permutation(args_, i, pivots);
  }

  const LuFactorArgs& args_;
  std::int64_t m_, n_, k_;
  T* lu_ = nullptr;
  Int* pivots_ = nullptr;
};

template <typename T>
void lu_batch(Lane& lane, const LuFactorArgs& args) {
  if (args.m == 0 || args.n == 0) {  // no row is exchanged
    for (std::int64_t i = 0; args.wants_permutation && i < args.batch; ++i) write_permutation(args, i, nullptr);
    return;
  }
  Lu<T> lu(lane, args);
  std::vector<std::int64_t> beyond;
  for_each_finite(
      "luFactor", Indices(args.batch), [&](std::int64_t i) { return lu.load(i); },
      [&](std::int64_t i) {
        if (!lu.compute(i)) beyond.push_back(i);
      });
  throw_beyond(beyond, args.batch, args.type, "luFactor: u has elements");
}

}  // namespace

void lu_factor(Lane& lane, const LuFactorArgs& args) {
  check_lapack_size("luFactor", args.m, args.n);
  with_blas_field(args.type, [&](auto element) { lu_batch<decltype(element)>(lane, args); });
}

}  // namespace tensorlane::cpu
