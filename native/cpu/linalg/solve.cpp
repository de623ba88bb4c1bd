// Linear systems by LU factorisation with partial pivoting: small real ones many at a time (cpu/small), others, and those that
// must be scaled, by LAPACK's getrf and getrs.
//
// LAPACK's matrices lie by columns. A is transposed, so that its rows are what is exchanged, as with numpy: of its transpose other
// matrices come out exactly singular. Right-hand sides are transposed in and out where they are several; one
// vector is a column already.
#include <algorithm>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <limits>
#include <optional>
#include <tuple>
#include <vector>

#include "core/batch_dims.h"
#include "core/error.h"
#include "cpu/complex/lapack.h"
#include "cpu/linalg/equilibration.h"
#include "cpu/linalg/finite.h"
#include "cpu/linalg/lapack.h"
#include "cpu/linalg/matrix.h"
#include "cpu/linalg/operation.h"
#include "cpu/operations.h"
#include "cpu/small/batch.h"

namespace tensorlane::cpu {
namespace {

using lapack::Int;

enum class SolveOutcome { Solved, NotFinite, Singular, Beyond };

// The systems of one call, one at a time.
template <typename T>
class Solver {
 public:
  Solver(Lane& lane, const SolveArgs& args) : args_(args), n_(args.n), nrhs_(args.nrhs) {
    std::tie(lu_, rows_, columns_, pivots_) =
        take_arrays<T, T, T, Int>(lane.workspace(), n_ * n_, n_ * nrhs_, n_ * nrhs_, n_);
  }

  SolveOutcome solve(std::int64_t i, std::int64_t ai, std::int64_t bi) {
    if (!load(ai, bi)) return SolveOutcome::NotFinite;
    const bool singular = !eliminate();
    const bool safe = !singular && has_safe_pivots(lu_, n_);
    const T* x = safe ? substitute() : right_sides();
    if (!safe || !all_finite(x, b_elements())) {
      if (!load(ai, bi)) return SolveOutcome::NotFinite;  // written to meanwhile
      if (singular && !has_tiny(lu_, n_ * n_)) return SolveOutcome::Singular;
      const Equilibration scaled(lu_, n_, Layout::Columns);
      if (!eliminate()) return SolveOutcome::Singular;
      x = substitute_parts(scaled);
      if (!all_finite(x, b_elements())) return SolveOutcome::Beyond;
    }
    transpose(x, nrhs_, n_, elements<T>(args_.x) + i * n_ * nrhs_);
    return SolveOutcome::Solved;
  }

 private:
  [[nodiscard]] std::size_t b_elements() const { return static_cast<std::size_t>(n_ * nrhs_); }
  // Where the right-hand sides lie by columns: one vector already does.
  [[nodiscard]] T* right_sides() const { return nrhs_ > 1 ? columns_ : rows_; }

  [[nodiscard]] bool load(std::int64_t ai, std::int64_t bi) {
    transpose(elements<const T>(args_.a) + ai * n_ * n_, n_, n_, lu_);
    const bool finite_a = all_finite(lu_, static_cast<std::size_t>(n_ * n_));
    const bool finite = copy_finite(elements<const T>(args_.b) + bi * n_ * nrhs_, rows_, b_elements()) && finite_a;
    if (nrhs_ > 1) transpose(rows_, n_, nrhs_, columns_);
    return finite;
  }

  [[nodiscard]] bool eliminate() {
    Int info = 0;
    lapack::getrf(static_cast<Int>(n_), static_cast<Int>(n_), lu_, pivots_, &info);
    check_info("solve: getrf", info);
    return info == 0;
  }

  const T* substitute() {
    Int info = 0;
    lapack::getrs('N', static_cast<Int>(n_), static_cast<Int>(nrhs_), lu_, pivots_, right_sides(), &info);
    check_info("solve: getrs", info);
    return right_sides();
  }

  // The right-hand sides scaled as the matrix' rows are, and each so that its own largest element comes near 1. Elements that would
  // vanish beside that may be all that there is of solutions apart from it (those of a diagonal matrix are), so they are
  // solved for by themselves; the sum is the solution, as the system is linear.
  const T* substitute_parts(const Equilibration& scaled) {
    std::vector<T> rest(right_sides(), right_sides() + b_elements());
    std::vector<T> sum(b_elements(), T{0});
    std::vector<int> largest(static_cast<std::size_t>(nrhs_));
    while (take_part(scaled, rest, largest)) {
      const T* y = substitute();
      for (std::int64_t at = 0; at < n_ * nrhs_; ++at) {
        const int power = largest[static_cast<std::size_t>(at / n_)] - scaled.column(at % n_);
        sum[static_cast<std::size_t>(at)] += times_power_of_two(y[at], power);
      }
    }
    std::ranges::copy(sum, right_sides());
    return right_sides();
  }

  // Moves what is left of the right-hand sides to where they are solved, of each what is not far below its largest element, whose
  // exponent it gives. False where nothing is left.
  bool take_part(const Equilibration& scaled, std::vector<T>& rest, std::vector<int>& largest) {
    constexpr int kNone = std::numeric_limits<int>::min();
    constexpr int kFar = std::numeric_limits<Real<T>>::max_exponent / 2;
    bool any = false;
    for (std::int64_t column = 0; column < nrhs_; ++column) {
      T* left = rest.data() + column * n_;
      T* b = right_sides() + column * n_;
      const auto exponent = [&](std::int64_t i) {
        return left[i] == T{0} ? kNone : exponent_of(left[i]) - scaled.row(i);
      };
      int& most = largest[static_cast<std::size_t>(column)];
      most = kNone;
      for (std::int64_t i = 0; i < n_; ++i) most = std::max(most, exponent(i));
      const bool has_some = most != kNone;
      if (!has_some) most = 0;
      for (std::int64_t i = 0; i < n_; ++i) {
        const bool is_taken = left[i] != T{0} && exponent(i) >= most - kFar;
        b[i] = is_taken ? times_power_of_two(left[i], -(scaled.row(i) + most)) : T{0};
        if (is_taken) left[i] = T{0};
      }
      any = any || has_some;
    }
    return any;
  }

  const SolveArgs& args_;
  std::int64_t n_, nrhs_;
  T* lu_ = nullptr;
  T* rows_ = nullptr;
  T* columns_ = nullptr;
  Int* pivots_ = nullptr;
};

// The matrix and the right-hand sides of each system, by their places among the matrices and the right-hand sides.
struct System {
  std::int64_t a, b;
};

// Which they are. Most often those of one number, or one for all: then there is no list of them.
class Systems {
 public:
  explicit Systems(const SolveArgs& args) {
    for (const std::int64_t dim : args.batch_dims) count_ *= dim;
    a_ = step_of(args.batch_dims, args.a_strides);
    b_ = step_of(args.batch_dims, args.b_strides);
    if (a_.has_value() && b_.has_value()) return;
    all_.reserve(static_cast<std::size_t>(count_));
    for_each_batch(args.batch_dims, args.a_strides, args.b_strides,
                   [&](std::int64_t, std::int64_t a, std::int64_t b) { all_.push_back({a, b}); });
  }

  [[nodiscard]] std::int64_t count() const { return count_; }
  [[nodiscard]] System operator[](std::int64_t i) const {
    return all_.empty() ? System{*a_ * i, *b_ * i} : all_[static_cast<std::size_t>(i)];
  }

 private:
  // From one system to the next, where it is the same from each.
  static std::optional<std::int64_t> step_of(const std::vector<std::int64_t>& dims,
                                             const std::vector<std::int64_t>& strides) {
    std::optional<std::int64_t> step;
    std::int64_t inner = 1;
    for (std::size_t axis = dims.size(); axis-- > 0;) {
      if (dims[axis] == 1) continue;
      if (!step.has_value()) step = strides[axis];
      if (strides[axis] != *step * inner) return std::nullopt;
      inner *= dims[axis];
    }
    return step.value_or(0);
  }

  std::int64_t count_ = 1;
  std::optional<std::int64_t> a_, b_;
  std::vector<System> all_;
};

template <typename T>
void solve_by_lapack(Lane& lane, const SolveArgs& args, const Systems& systems, const Indices& indices) {
  check_lapack_size("solve", args.n, args.nrhs);
  Solver<T> solver(lane, args);
  std::vector<std::int64_t> not_finite;
  std::vector<std::int64_t> singular;
  std::vector<std::int64_t> beyond;
  indices.for_each([&](std::int64_t i) {
    const auto [a, b] = systems[i];
    switch (solver.solve(i, a, b)) {
      case SolveOutcome::Solved:
        return;
      case SolveOutcome::NotFinite:
        return not_finite.push_back(i);
      case SolveOutcome::Singular:
        return singular.push_back(i);
      case SolveOutcome::Beyond:
        return beyond.push_back(i);
    }
  });
  throw_not_finite("solve", not_finite, indices.batch());
  throw_for(singular, indices.batch(), Code::Singular, "solve: the matrix is singular");
  throw_beyond(beyond, indices.batch(), args.type, "solve: the solution has elements");
}

// Gives what LAPACK is to do.
template <typename T>
std::vector<std::int64_t> small_solve_batch(Lane& lane, const SolveArgs& args, const Systems& systems) {
  const std::int64_t n = args.n;
  small::LuGroup<T> group;
  group.n = n;
  group.right_sides = args.nrhs;
  const auto place = [&](small::LuGroup<T>& to, std::int64_t at, std::int64_t i) {
    const auto [a, b] = systems[i];
    to.a[at] = elements<const T>(args.a) + a * n * n;
    to.b[at] = elements<const T>(args.b) + b * n * args.nrhs;
    to.x[at] = elements<T>(args.x) + i * n * args.nrhs;
  };
  const std::int64_t batch = systems.count();
  const small::Left left = small::run_groups(lane.workspace(), batch, small::lu_registers(n, args.nrhs),
                                             small::lu_steps(n, args.nrhs), small::kernels<T>().lu, group, place);
  throw_not_finite("solve", left.not_finite, batch);
  return left.undone;
}

template <typename T>
void solve_batch(Lane& lane, const SolveArgs& args) {
  if (args.n == 0 || args.nrhs == 0) return;
  const Systems systems(args);
  small_or_lapack<T>(
      small::takes_lu(args.n, args.nrhs), systems.count(), BlasShare::kAllCores,
      [&](auto element) { return small_solve_batch<decltype(element)>(lane, args, systems); },
      [&](const Indices& indices) { solve_by_lapack<T>(lane, args, systems, indices); });
}

}  // namespace

void solve(Lane& lane, const SolveArgs& args) {
  with_field(args.type, [&](auto element) { solve_batch<decltype(element)>(lane, args); });
}

}  // namespace tensorlane::cpu
