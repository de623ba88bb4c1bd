// What the operations on batches of matrices have in common.
#pragma once

#include <complex>
#include <cstddef>
#include <cstdint>
#include <limits>
#include <string>
#include <tuple>
#include <type_traits>
#include <utility>
#include <vector>

#include "core/error.h"
#include "core/lanes/stop.h"
#include "core/memory/workspace.h"
#include "cpu/linalg/blas_share.h"
#include "cpu/linalg/lapack.h"
#include "device/device.h"

namespace tensorlane::cpu {

// Calls operation(T{}) for the element type T, float32 or float64.
template <typename Operation>
void with_float(DType type, Operation operation) {
  if (type == DType::Float32) {
    operation(float{});
  } else {
    operation(double{});
  }
}

// The same for complex types, too.
template <typename Operation>
void with_field(DType type, Operation operation) {
  switch (type) {
    case DType::Complex64:
      return operation(std::complex<float>{});
    case DType::Complex128:
      return operation(std::complex<double>{});
    default:
      return with_float(type, operation);
  }
}

template <typename T>
struct RealOf {
  using Type = T;
};
template <typename T>
struct RealOf<std::complex<T>> {
  using Type = T;
};
// Of what a number's parts are: of itself, where it is real.
template <typename T>
using Real = typename RealOf<T>::Type;

template <typename T>
inline constexpr bool kIsComplex = !std::is_same_v<T, Real<T>>;

// The same as with_float while holding a share of the cores.
template <typename Operation>
void with_blas(DType type, Operation operation, unsigned most_cores = BlasShare::kAllCores) {
  const BlasShare share(most_cores);
  with_float(type, operation);
}

// The same for complex types, too.
template <typename Operation>
void with_blas_field(DType type, Operation operation) {
  const BlasShare share(BlasShare::kAllCores);
  with_field(type, operation);
}

// The matrices of a batch that are LAPACK's: all of them, or those that kernels for small matrices have left undone.
class Indices {
 public:
  explicit Indices(std::int64_t batch) : batch_(batch) {}
  Indices(std::int64_t batch, const std::vector<std::int64_t>& some) : batch_(batch), some_(&some) {}

  [[nodiscard]] std::int64_t batch() const { return batch_; }
  template <typename Visit>
  void for_each(Visit visit) const {
    for (std::int64_t at = 0; at < size(); ++at) {
      Stop::look();
      visit(some_ == nullptr ? at : (*some_)[static_cast<std::size_t>(at)]);
    }
  }

 private:
  [[nodiscard]] std::int64_t size() const {
    return some_ == nullptr ? batch_ : static_cast<std::int64_t>(some_->size());
  }

  std::int64_t batch_;
  const std::vector<std::int64_t>* some_ = nullptr;
};

// How many cores are of use to what reduces an m x n matrix column by column (Householder's way: svd, eigh, qr), a
// matrix-vector product or two at a time. Two threads were slower than one up to 256 x 256, by a quarter at worst, and a
// little faster above.
inline unsigned cores_by_columns(std::int64_t m, std::int64_t n) {
  constexpr double kTooSmallToShare = 256.0 * 256.0;
  return static_cast<double>(m) * static_cast<double>(n) > kTooSmallToShare ? BlasShare::kAllCores : 1;
}

// Has kernels for small matrices compute what they take, and LAPACK, with a share of so many cores at most, what they do
// not: all of the batch, or the matrices that small(T{}) gives, which are those that they have left. Of complex ones they take none.
template <typename T, typename Small, typename ByLapack>
void small_or_lapack(bool takes, std::int64_t batch, unsigned most_cores, Small small, ByLapack by_lapack) {
  if constexpr (!kIsComplex<T>) {
    if (takes) {
      const std::vector<std::int64_t> left = small(T{});
      if (left.empty()) return;
      const BlasShare share(1);
      return by_lapack(Indices(batch, left));
    }
  }
  const BlasShare share(most_cores);
  by_lapack(Indices(batch));
}

template <typename T>
[[nodiscard]] T* elements(const Operand& operand) {
  return reinterpret_cast<T*>(operand.data);
}

inline void check_lapack_size(const char* operation, std::int64_t m, std::int64_t n) {
  constexpr std::int64_t kMax = std::numeric_limits<lapack::Int>::max();
  if (m <= kMax && n <= kMax) return;
  throw Error(Code::Shape, std::string(operation) + ": a matrix of " + std::to_string(m) + " x " + std::to_string(n) +
                               " is larger than the BLAS library can index (2^31 - 1)");
}

// LAPACK rejects an argument only where this library is wrong.
inline void check_info(const char* routine, lapack::Int info) {
  if (info >= 0) return;
  throw Error(Code::Internal, std::string(routine) + " rejected argument " + std::to_string(-info));
}

// The elements of workspace that LAPACK asked for. A float cannot hold every large integer, so its answer may be
// rounded down: one part in 2^23 more.
template <typename T>
[[nodiscard]] std::int64_t work_size(T optimal) {
  return static_cast<std::int64_t>(static_cast<double>(std::real(optimal)) * (1.0 + 1e-6)) + 1;
}

// LAPACK is told the size of its workspace in 32 bits, and computes it so: what has wrapped round is negative.
inline void check_work_size(const char* operation, std::int64_t size, std::int64_t m, std::int64_t n,
                            const char* advice) {
  if (size > 0 && size <= std::numeric_limits<lapack::Int>::max()) return;
  throw Error(Code::Shape, std::string(operation) + ": LAPACK cannot address the workspace for a matrix of " +
                               std::to_string(m) + " x " + std::to_string(n) + "; " + advice);
}

// Arrays of these element types and sizes in a lane's workspace, each aligned: take_arrays<T, Int>(workspace, 100, 10).
template <typename... T, typename... Counts>
[[nodiscard]] std::tuple<T*...> take_arrays(Workspace& workspace, Counts... counts) {
  static_assert(sizeof...(T) == sizeof...(Counts));
  constexpr std::size_t kAlignment = Workspace::kAlignment;
  const auto padded = [](std::size_t bytes) { return (bytes + kAlignment - 1) / kAlignment * kAlignment; };
  std::byte* next = workspace.take((padded(static_cast<std::size_t>(counts) * sizeof(T)) + ...));
  const auto place = [&](std::size_t bytes) { return std::exchange(next, next + padded(bytes)); };
  // In braces, so that they are placed from left to right.
  return std::tuple<T*...>{reinterpret_cast<T*>(place(static_cast<std::size_t>(counts) * sizeof(T)))...};
}

inline void throw_not_finite(const char* operation, const std::vector<std::int64_t>& indices, std::int64_t batch) {
  throw_for(indices, batch, Code::NotFinite, std::string(operation) + ": the input has a NaN or an infinity");
}

// For each of these matrices: load(i) copies it and says whether it is finite, compute(i) does the rest. After one that is
// not, the call fails anyway: the others are only looked at, to name all that are not.
template <typename Load, typename Compute>
void for_each_finite(const char* operation, const Indices& indices, Load load, Compute compute) {
  std::vector<std::int64_t> not_finite;
  indices.for_each([&](std::int64_t i) {
    if (!load(i)) {
      not_finite.push_back(i);
    } else if (not_finite.empty()) {
      compute(i);
    }
  });
  throw_not_finite(operation, not_finite, indices.batch());
}

}  // namespace tensorlane::cpu
