// Complex systems and inverses by LU factorisation with partial pivoting (getrf, getrs), of A itself and not of its transpose, as
// numpy does: so A is transposed, and so are right-hand sides in and out.
#include <cstddef>
#include <cstdint>
#include <string>
#include <tuple>
#include <vector>

#include "core/batch_dims.h"
#include "cpu/complex/batch.h"

namespace tensorlane::cpu::complex {
namespace {

using lapack::Int;

enum class Outcome { Solved, NotFinite, Singular, Beyond };

// Systems of n x n with `nrhs` right-hand sides, one at a time.
template <typename T>
class Solver {
 public:
  Solver(Lane& lane, std::int64_t n, std::int64_t nrhs) : n_(n), nrhs_(nrhs) {
    std::tie(lu_, columns_, pivots_) = take_arrays<T, T, Int>(lane.workspace(), n * n, n * nrhs, n);
  }

  // `load_b` writes the right-hand sides by columns, and says whether they are finite.
  template <typename LoadB>
  Outcome solve(const T* a, LoadB load_b, T* x) {
    transpose(a, n_, n_, lu_);
    const bool finite = all_finite(lu_, static_cast<std::size_t>(n_ * n_));
    if (!load_b(columns_) || !finite) return Outcome::NotFinite;
    Int info = 0;
    lapack::getrf(static_cast<Int>(n_), static_cast<Int>(n_), lu_, pivots_, &info);
    check_info("solve: getrf", info);
    if (info > 0) return Outcome::Singular;
    lapack::getrs(static_cast<Int>(n_), static_cast<Int>(nrhs_), lu_, pivots_, columns_, &info);
    check_info("solve: getrs", info);
    transpose(columns_, nrhs_, n_, x);
    return all_finite(x, static_cast<std::size_t>(n_ * nrhs_)) ? Outcome::Solved : Outcome::Beyond;
  }

 private:
  std::int64_t n_, nrhs_;
  T* lu_ = nullptr;
  T* columns_ = nullptr;
  Int* pivots_ = nullptr;
};

struct Failures {
  std::vector<std::int64_t> not_finite, singular, beyond;

  void add(std::int64_t i, Outcome outcome) {
    if (outcome == Outcome::NotFinite) not_finite.push_back(i);
    if (outcome == Outcome::Singular) singular.push_back(i);
    if (outcome == Outcome::Beyond) beyond.push_back(i);
  }
  void raise(const std::string& operation, std::int64_t total, DType type) const {
    throw_not_finite(operation.c_str(), not_finite, total);
    throw_for(singular, total, Code::Singular, operation + ": the matrix is singular");
    throw_beyond(beyond, total, type, (operation + ": the result has elements").c_str());
  }
};

}  // namespace

void solve(Lane& lane, const SolveArgs& args) {
  const std::int64_t n = args.n;
  const std::int64_t nrhs = args.nrhs;
  if (n == 0 || nrhs == 0) return;
  check_lapack_size("solve", n, nrhs);
  with_complex(args.type, [&](auto element) {
    using T = decltype(element);
    Solver<T> solver(lane, n, nrhs);
    Failures failures;
    std::int64_t total = 0;
    for_each_batch(
        args.batch_dims, args.a_strides, args.b_strides, [&](std::int64_t i, std::int64_t a, std::int64_t b) {
          total = i + 1;
          const auto load_b = [&](T* columns) {
            transpose(elements<const T>(args.b) + b * n * nrhs, n, nrhs, columns);
            return all_finite(columns, static_cast<std::size_t>(n * nrhs));
          };
          failures.add(i,
                       solver.solve(elements<const T>(args.a) + a * n * n, load_b, elements<T>(args.x) + i * n * nrhs));
        });
    failures.raise("solve", total, args.type);
  });
}

void inv(Lane& lane, const InvArgs& args) {
  const std::int64_t n = args.n;
  if (n == 0 || args.batch == 0) return;
  check_lapack_size("inv", n, n);
  with_complex(args.type, [&](auto element) {
    using T = decltype(element);
    Solver<T> solver(lane, n, n);
    Failures failures;
    const auto load_identity = [&](T* columns) {
      set_identity(columns, n);
      return true;
    };
    for (std::int64_t i = 0; i < args.batch; ++i) {
      failures.add(
          i, solver.solve(elements<const T>(args.a) + i * n * n, load_identity, elements<T>(args.inverse) + i * n * n));
    }
    failures.raise("inv", args.batch, args.type);
  });
}

}  // namespace tensorlane::cpu::complex
