// The singular value decomposition: of small matrices by Jacobi rotations, many at a time (cpu/small), of others by divide
// and conquer (LAPACK's gesdd); where that does not converge, or what comes out of it is not finite or not orthonormal,
// which it has been known to do for graded and for nearly equal values, by QR iteration (gesvd).
//
// Row-major without a transpose: the buffer of a row-major m x n matrix A is that of the column-major n x m matrix A^T,
// and A^T = U' S V'^T means A = V' S U'^T. So their "VT" buffer, read row-major, is our u, and its "U" buffer is our
// vt.
//
// So a tall matrix is a wide one to them, which is slower by much than a tall one where it is large: such a matrix is copied
// transposed (it is copied anyway), and what comes out is transposed back. From which shape on is measured
// (device/driver_table.h).
#include <algorithm>
#include <array>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <string>
#include <tuple>
#include <vector>

#include "core/error.h"
#include "cpu/complex/operations.h"
#include "cpu/linalg/finite.h"
#include "cpu/linalg/lapack.h"
#include "cpu/linalg/line_start.h"
#include "cpu/linalg/matrix.h"
#include "cpu/linalg/operation.h"
#include "cpu/linalg/orthonormal.h"
#include "cpu/operations.h"
#include "cpu/small/batch.h"
#include "device/driver_table.h"

namespace tensorlane::cpu {
namespace {

using lapack::Int;

// What was asked for, or what is quickest for the shape. Errors: Argument.
template <typename T>
SvdDriver choose_driver(const SvdArgs& args) {
  const bool full = args.mode == SvdMode::Full;
  if (args.driver == SvdDriver::Jacobi && !small::has_svd(args.m, args.n, full)) {
    throw Error(Code::Argument, "svd: the driver 'jacobi' takes matrices of up to " + std::to_string(small::kMostRows) +
                                    " by " + std::to_string(small::kMostLong) + " (in mode 'full' up to " +
                                    std::to_string(small::kMostSvd) + " by as many, or square ones), not of " +
                                    std::to_string(args.m) + " x " + std::to_string(args.n));
  }
  if (args.driver != SvdDriver::Auto) return args.driver;
  if (small::takes_svd<T>(args.m, args.n, full)) return SvdDriver::Jacobi;
  const bool tall = args.m / driver_table::kTransposedRatio >= args.n;
  // In full mode u would be transposed, too, which is much larger than the matrix.
  const bool large = args.m >= (driver_table::kTransposedElements + args.n - 1) / args.n;
  return tall && large && !full ? SvdDriver::GesddTransposed : SvdDriver::Gesdd;
}

void check_driver(const SvdArgs& args) {
  constexpr std::array kOwn{SvdDriver::Auto, SvdDriver::Jacobi, SvdDriver::Gesdd, SvdDriver::GesddTransposed,
                            SvdDriver::Gesvd};
  if (std::ranges::find(kOwn, args.driver) == kOwn.end()) {
    throw Error(Code::Argument, std::string("svd: driver '").append(word_of(args.driver)) +
                                    "' is cuSOLVER's; the CPU device takes 'auto', 'jacobi', 'gesdd', "
                                    "'gesddTransposed' and 'gesvd'");
  }
  if (args.rank != 0) {
    throw Error(Code::Argument, "svd: rank " + std::to_string(args.rank) +
                                    " was asked for, which belongs to cuSOLVER's driver 'gesvdr'; the CPU device "
                                    "computes all singular values and takes no rank");
  }
}

enum class SvdOutcome { Done, NotFinite, NotConverged, Beyond };

// The matrices of one call, one at a time.
template <typename T>
class Svd {
 public:
  Svd(Lane& lane, const SvdArgs& args, SvdDriver driver)
      : args_(args),
        by_iteration_(driver == SvdDriver::Gesvd),
        transposed_(driver == SvdDriver::GesddTransposed),
        m_(args.m),
        n_(args.n),
        sizes_(args.mode, args.m, args.n),
        vectors_(args.mode != SvdMode::Values),
        s_(args.s, sizes_.k, args.batch),
        u_(args.u, vectors_ ? m_ * sizes_.u_columns : 0, args.batch),
        vt_(args.vt, vectors_ ? sizes_.vt_rows * n_ : 0, args.batch),
        job_(args.mode == SvdMode::Full ? 'A' : (vectors_ ? 'S' : 'N')) {
    // gesdd computes what it needs in 32 bits, and would wrap round where it is larger.
    if (vectors_) check_work_size("svd", 3 * sizes_.k * sizes_.k + 4 * sizes_.k, m_, n_, kAdvice);
    T optimal{};
    Int info = 0;
    lapack::gesdd(job_, rows(), columns(), nullptr, rows(), nullptr, nullptr, rows(), nullptr, ldvt(), &optimal, -1,
                  nullptr, &info);
    const std::int64_t lwork = checked(optimal, info, "svd: gesdd");
    const bool apart = vectors_ && transposed_;
    std::tie(copy_, work_, probe_, iwork_, s_.spare(), u_.spare(), vt_.spare(), left_, right_) =
        take_arrays<T, T, T, Int, T, T, T, T, T>(lane.workspace(), m_ * n_, lwork,
                                                 vectors_ ? orthonormal_work(std::max(m_, n_)) : 0, 8 * sizes_.k,
                                                 s_.spare_count(), u_.spare_count(), vt_.spare_count(),
                                                 apart ? m_ * sizes_.u_columns : 0, apart ? sizes_.vt_rows * n_ : 0);
    lwork_ = static_cast<Int>(lwork);
  }

  [[nodiscard]] bool load(std::int64_t i) {
    const T* a = elements<const T>(args_.a) + i * m_ * n_;
    const auto count = static_cast<std::size_t>(m_ * n_);
    if (!transposed_) return copy_finite(a, copy_, count);
    transpose(a, m_, n_, copy_);
    return all_finite(copy_, count);
  }

  [[nodiscard]] SvdOutcome compute(std::int64_t i) {
    const SvdOutcome outcome = decompose(i);
    s_.keep(i);
    u_.keep(i);
    vt_.keep(i);
    return outcome;
  }

 private:
  static constexpr const char* kAdvice = "use mode 'values' or split the matrix";

  // As LAPACK sees it: A^T, or A where it is transposed.
  [[nodiscard]] Int rows() const { return static_cast<Int>(transposed_ ? m_ : n_); }
  [[nodiscard]] Int columns() const { return static_cast<Int>(transposed_ ? n_ : m_); }
  [[nodiscard]] Int ldvt() const {
    return static_cast<Int>(!vectors_ ? 1 : (transposed_ ? sizes_.vt_rows : sizes_.u_columns));
  }
  // Its "U" and "VT".
  [[nodiscard]] T* left(std::int64_t i) const { return transposed_ ? left_ : vt_[i]; }
  [[nodiscard]] T* right(std::int64_t i) const { return transposed_ ? right_ : u_[i]; }
  void transpose_back(std::int64_t i) const {
    if (!transposed_ || !vectors_) return;
    transpose(left_, sizes_.u_columns, m_, u_[i]);
    transpose(right_, n_, sizes_.vt_rows, vt_[i]);
  }

  [[nodiscard]] SvdOutcome decompose(std::int64_t i) {
    if (!by_iteration_) {
      if (by_gesdd(i) && is_right(i)) return SvdOutcome::Done;
      if (!load(i)) return SvdOutcome::NotFinite;  // written to meanwhile
    }
    if (!by_gesvd(i)) return SvdOutcome::NotConverged;
    if (is_right(i)) return SvdOutcome::Done;
    // The largest value may be too large, though no element is.
    return std::isinf(s_[i][0]) ? SvdOutcome::Beyond : SvdOutcome::NotConverged;
  }

  [[nodiscard]] std::int64_t checked(T optimal, Int info, const char* routine) const {
    check_info(routine, info);
    const std::int64_t lwork = work_size(optimal);
    check_work_size("svd", lwork, m_, n_, kAdvice);
    return lwork;
  }

  // Whether it converged.
  [[nodiscard]] bool by_gesdd(std::int64_t i) {
    Int info = 0;
    lapack::gesdd(job_, rows(), columns(), copy_, rows(), s_[i], left(i), rows(), right(i), ldvt(), work_, lwork_,
                  iwork_, &info);
    check_info("svd: gesdd", info);
    transpose_back(i);
    return info == 0;
  }

  // The same. Seldom needed, so its workspace is not kept.
  [[nodiscard]] bool by_gesvd(std::int64_t i) {
    T optimal{};
    Int info = 0;
    lapack::gesvd(job_, rows(), columns(), copy_, rows(), s_[i], left(i), rows(), right(i), ldvt(), &optimal, -1,
                  &info);
    std::vector<T> work(static_cast<std::size_t>(checked(optimal, info, "svd: gesvd")));
    lapack::gesvd(job_, rows(), columns(), copy_, rows(), s_[i], left(i), rows(), right(i), ldvt(), work.data(),
                  static_cast<Int>(work.size()), &info);
    check_info("svd: gesvd", info);
    transpose_back(i);
    return info == 0;
  }

  [[nodiscard]] bool is_right(std::int64_t i) {
    if (!all_finite(s_[i], static_cast<std::size_t>(sizes_.k))) return false;
    return !vectors_ || (has_orthonormal_columns(u_[i], m_, sizes_.u_columns, probe_) &&
                         has_orthonormal_rows(vt_[i], sizes_.vt_rows, n_, probe_));
  }

  const SvdArgs& args_;
  bool by_iteration_, transposed_;
  std::int64_t m_, n_;
  SvdSizes sizes_;
  bool vectors_;
  LineStart<T> s_, u_, vt_;
  char job_;
  T* copy_ = nullptr;
  T* work_ = nullptr;
  T* probe_ = nullptr;
  T* left_ = nullptr;
  T* right_ = nullptr;
  Int* iwork_ = nullptr;
  Int lwork_ = 0;
};

template <typename T>
void svd_by_lapack(Lane& lane, const SvdArgs& args, SvdDriver driver, const Indices& indices) {
  check_lapack_size("svd", args.m, args.n);
  Svd<T> svd(lane, args, driver);
  std::vector<std::int64_t> not_finite;
  std::vector<std::int64_t> not_converged;
  std::vector<std::int64_t> beyond;
  for_each_finite(
      "svd", indices, [&](std::int64_t i) { return svd.load(i); },
      [&](std::int64_t i) {
        switch (svd.compute(i)) {
          case SvdOutcome::Done:
            return;
          case SvdOutcome::NotFinite:
            return not_finite.push_back(i);
          case SvdOutcome::NotConverged:
            return not_converged.push_back(i);
          case SvdOutcome::Beyond:
            return beyond.push_back(i);
        }
      });
  throw_not_finite("svd", not_finite, args.batch);
  throw_for(not_converged, args.batch, Code::NotConverged, "svd: the iteration did not converge");
  throw_beyond(beyond, args.batch, args.type, "svd: there are singular values");
}

// Nothing to decompose: in full mode any orthogonal matrix will do for the side that is not empty.
template <typename T>
void empty_svd_batch(const SvdArgs& args) {
  if (args.mode != SvdMode::Full) return;
  for (std::int64_t i = 0; i < args.batch; ++i) {
    set_identity(elements<T>(args.u) + i * args.m * args.m, args.m);
    set_identity(elements<T>(args.vt) + i * args.n * args.n, args.n);
  }
}

// Gives what LAPACK is to do.
template <typename T>
std::vector<std::int64_t> small_svd_batch(Lane& lane, const SvdArgs& args) {
  const bool vectors = args.mode != SvdMode::Values;
  const SvdSizes sizes(args.mode, args.m, args.n);
  small::SvdGroup<T> group;
  group.m = args.m;
  group.n = args.n;
  group.u_columns = vectors ? sizes.u_columns : 0;
  group.vt_rows = vectors ? sizes.vt_rows : 0;
  const std::int64_t registers = small::svd_registers(args.m, args.n, group.u_columns, group.vt_rows);
  const auto place = [&](small::SvdGroup<T>& to, std::int64_t at, std::int64_t i) {
    to.a[at] = elements<const T>(args.a) + i * args.m * args.n;
    to.s[at] = elements<T>(args.s) + i * sizes.k;
    if (!vectors) return;
    to.u[at] = elements<T>(args.u) + i * args.m * sizes.u_columns;
    to.vt[at] = elements<T>(args.vt) + i * sizes.vt_rows * args.n;
  };
  const small::Left left = small::run_groups(lane.workspace(), args.batch, registers, small::svd_steps(args.m, args.n),
                                             small::kernels<T>().svd, group, place);
  throw_not_finite("svd", left.not_finite, args.batch);
  return left.undone;
}

template <typename T>
void svd_batch(Lane& lane, const SvdArgs& args) {
  if (args.m == 0 || args.n == 0) return empty_svd_batch<T>(args);
  const SvdDriver driver = choose_driver<T>(args);
  if (args.batch > 0) say_ran(args.ran, word_of(driver).data());
  small_or_lapack<T>(
      driver == SvdDriver::Jacobi, args.batch, cores_by_columns(args.m, args.n),
      [&](auto element) { return small_svd_batch<decltype(element)>(lane, args); },
      [&](const Indices& indices) { svd_by_lapack<T>(lane, args, driver, indices); });
}

}  // namespace

void svd(Lane& lane, const SvdArgs& args) {
  check_driver(args);
  if (is_complex(args.type)) return complex::svd(lane, args);
  with_float(args.type, [&](auto element) { svd_batch<decltype(element)>(lane, args); });
}

}  // namespace tensorlane::cpu
