// The singular value decomposition of complex matrices by divide and conquer (LAPACK's gesdd), and where that does not converge, or
// comes to no finite values, by QR iteration (gesvd).
//
// By columns the buffer of A is A^T = U' S V'^H, so that A = (V'^H)^T S U'^T: LAPACK's "VT" buffer, read row-major, is our u, and
// its "U" buffer our vt, which is what numpy calls vh.
#include <algorithm>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <tuple>
#include <vector>

#include "core/error.h"
#include "cpu/complex/batch.h"

namespace tensorlane::cpu::complex {
namespace {

using lapack::Int;

template <typename T>
class Svd {
 public:
  Svd(Lane& lane, const SvdArgs& args)
      : args_(args),
        m_(args.m),
        n_(args.n),
        sizes_(args.mode, args.m, args.n),
        vectors_(args.mode != SvdMode::Values),
        s_(args.s, sizes_.k, args.batch),
        u_(args.u, vectors_ ? m_ * sizes_.u_columns : 0, args.batch),
        vt_(args.vt, vectors_ ? sizes_.vt_rows * n_ : 0, args.batch),
        job_(args.mode == SvdMode::Full ? 'A' : (vectors_ ? 'S' : 'N')) {
    const std::int64_t k = sizes_.k;
    const std::int64_t longer = std::max(m_, n_);
    const std::int64_t reals = vectors_ ? std::max(5 * k * k + 5 * k, 2 * longer * k + 2 * k * k + k) : 7 * k;
    check_work_size("svd", reals, m_, n_, kAdvice);
    T by_division{};
    T by_iteration{};
    Int info = 0;
    lapack::gesdd(job_, rows(), columns(), nullptr, nullptr, nullptr, nullptr, ldvt(), &by_division, -1, nullptr,
                  nullptr, &info);
    check_info("svd: gesdd", info);
    lapack::gesvd(job_, rows(), columns(), nullptr, nullptr, nullptr, nullptr, ldvt(), &by_iteration, -1, nullptr,
                  &info);
    check_info("svd: gesvd", info);
    const std::int64_t lwork = std::max(work_size(by_division), work_size(by_iteration));
    check_work_size("svd", lwork, m_, n_, kAdvice);
    std::tie(copy_, work_, rwork_, iwork_, s_.spare(), u_.spare(), vt_.spare()) =
        take_arrays<T, T, Real<T>, Int, Real<T>, T, T>(lane.workspace(), m_ * n_, lwork, reals, 8 * k, s_.spare_count(),
                                                       u_.spare_count(), vt_.spare_count());
    lwork_ = static_cast<Int>(lwork);
  }

  [[nodiscard]] bool load(std::int64_t i) {
    return copy_finite(elements<const T>(args_.a) + i * m_ * n_, copy_, static_cast<std::size_t>(m_ * n_));
  }

  // Whether it converged.
  [[nodiscard]] bool compute(std::int64_t i) {
    const bool converged = decompose(i);
    s_.keep(i);
    u_.keep(i);
    vt_.keep(i);
    return converged;
  }

  [[nodiscard]] bool is_finite(std::int64_t i) const {
    return all_finite(s_[i], static_cast<std::size_t>(sizes_.k)) &&
           (!vectors_ || (all_finite(u_[i], static_cast<std::size_t>(m_ * sizes_.u_columns)) &&
                          all_finite(vt_[i], static_cast<std::size_t>(sizes_.vt_rows * n_))));
  }

 private:
  [[nodiscard]] bool decompose(std::int64_t i) {
    Int info = 0;
    lapack::gesdd(job_, rows(), columns(), copy_, s_[i], vt_[i], u_[i], ldvt(), work_, lwork_, rwork_, iwork_, &info);
    check_info("svd: gesdd", info);
    if (info == 0 && is_finite(i)) return true;
    if (!load(i)) return false;  // written to meanwhile
    lapack::gesvd(job_, rows(), columns(), copy_, s_[i], vt_[i], u_[i], ldvt(), work_, lwork_, rwork_, &info);
    check_info("svd: gesvd", info);
    return info == 0;
  }

  static constexpr const char* kAdvice = "use mode 'values' or split the matrix";

  // As LAPACK sees it: A^T.
  [[nodiscard]] Int rows() const { return static_cast<Int>(n_); }
  [[nodiscard]] Int columns() const { return static_cast<Int>(m_); }
  [[nodiscard]] Int ldvt() const { return static_cast<Int>(vectors_ ? sizes_.u_columns : 1); }

  const SvdArgs& args_;
  std::int64_t m_, n_;
  SvdSizes sizes_;
  bool vectors_;
  LineStart<Real<T>> s_;
  LineStart<T> u_, vt_;
  char job_;
  T* copy_ = nullptr;
  T* work_ = nullptr;
  Real<T>* rwork_ = nullptr;
  Int* iwork_ = nullptr;
  Int lwork_ = 0;
};

template <typename T>
void svd_batch(Lane& lane, const SvdArgs& args) {
  if (args.m == 0 || args.n == 0) {  // in full mode any unitary matrix will do for the side that is not empty
    for (std::int64_t i = 0; args.mode == SvdMode::Full && i < args.batch; ++i) {
      set_identity(elements<T>(args.u) + i * args.m * args.m, args.m);
      set_identity(elements<T>(args.vt) + i * args.n * args.n, args.n);
    }
    return;
  }
  check_lapack_size("svd", args.m, args.n);
  if (args.driver != SvdDriver::Auto && args.driver != SvdDriver::Gesdd) {
    throw Error(Code::Argument, std::string("svd: driver '").append(word_of(args.driver)) +
                                    "' is for real matrices; complex ones take 'auto' and 'gesdd'");
  }
  if (args.batch > 0) say_ran(args.ran, "gesdd");
  Svd<T> svd(lane, args);
  std::vector<std::int64_t> not_converged;
  std::vector<std::int64_t> beyond;
  for_each_finite(
      "svd", Indices(args.batch), [&](std::int64_t i) { return svd.load(i); },
      [&](std::int64_t i) {
        if (!svd.compute(i)) {
          not_converged.push_back(i);
        } else if (!svd.is_finite(i)) {
          beyond.push_back(i);
        }
      });
  throw_for(not_converged, args.batch, Code::NotConverged, "svd: the iteration did not converge");
  throw_beyond(beyond, args.batch, args.type, "svd: there are singular values");
}

}  // namespace

void svd(Lane& lane, const SvdArgs& args) {
  with_complex(
      args.type, [&](auto element) { svd_batch<decltype(element)>(lane, args); }, cores_by_columns(args.m, args.n));
}

}  // namespace tensorlane::cpu::complex
