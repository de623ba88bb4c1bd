// Eigenvalues and eigenvectors of Hermitian matrices, by divide and conquer (LAPACK's heevd). The lower triangle of A is, by columns,
// the upper one of A^T = conj(A), whose eigenvectors are the conjugates of A's: they are transposed into rows and conjugated.
#include <algorithm>
#include <complex>
#include <cstddef>
#include <cstdint>
#include <tuple>
#include <vector>

#include "cpu/complex/batch.h"

namespace tensorlane::cpu::complex {
namespace {

using lapack::Int;

template <typename T>
class Eigh {
 public:
  Eigh(Lane& lane, const EighArgs& args)
      : args_(args), n_(args.n), w_(args.w, n_, args.batch), job_(args.vectors ? 'V' : 'N') {
    constexpr const char* kAdvice = "ask for the values alone, or split the matrix";
    // heevd computes this in 32 bits, and would wrap round where it is larger.
    check_work_size("eigh", args.vectors ? 1 + 5 * n_ + 2 * n_ * n_ : n_ + 1, n_, n_, kAdvice);
    T elements_of_work{};
    Real<T> reals{};
    Int integers = 0;
    Int info = 0;
    lapack::heevd(job_, 'U', static_cast<Int>(n_), static_cast<T*>(nullptr), static_cast<Real<T>*>(nullptr),
                  &elements_of_work, -1, &reals, -1, &integers, -1, &info);
    check_info("eigh: heevd", info);
    lwork_ = work_size(elements_of_work);
    lrwork_ = work_size(reals);
    liwork_ = integers;
    check_work_size("eigh", std::max(lwork_, lrwork_), n_, n_, kAdvice);
    std::tie(copy_, work_, rwork_, iwork_, w_.spare()) =
        take_arrays<T, T, Real<T>, Int, Real<T>>(lane.workspace(), n_ * n_, lwork_, lrwork_, liwork_, w_.spare_count());
  }

  [[nodiscard]] bool load(std::int64_t i) {
    const T* a = elements<const T>(args_.a) + i * n_ * n_;
    bool finite = true;
    for (std::int64_t row = 0; row < n_; ++row) {
      finite = copy_finite(a + row * n_, copy_ + row * n_, static_cast<std::size_t>(row + 1)) && finite;
    }
    return finite;
  }

  // Whether it converged.
  [[nodiscard]] bool compute(std::int64_t i) {
    Int info = 0;
    lapack::heevd(job_, 'U', static_cast<Int>(n_), copy_, w_[i], work_, static_cast<Int>(lwork_), rwork_,
                  static_cast<Int>(lrwork_), iwork_, static_cast<Int>(liwork_), &info);
    check_info("eigh: heevd", info);
    w_.keep(i);
    if (info > 0) return false;
    if (!args_.vectors) return true;
    T* v = elements<T>(args_.v) + i * n_ * n_;
    transpose(copy_, n_, n_, v);
    std::transform(v, v + n_ * n_, v, [](T element) { return std::conj(element); });
    return all_finite(v, static_cast<std::size_t>(n_ * n_));
  }

  [[nodiscard]] bool is_beyond(std::int64_t i) const { return !all_finite(w_[i], static_cast<std::size_t>(n_)); }

 private:
  const EighArgs& args_;
  std::int64_t n_;
  LineStart<Real<T>> w_;
  char job_;
  std::int64_t lwork_ = 0, lrwork_ = 0, liwork_ = 0;
  T* copy_ = nullptr;
  T* work_ = nullptr;
  Real<T>* rwork_ = nullptr;
  Int* iwork_ = nullptr;
};

template <typename T>
void eigh_batch(Lane& lane, const EighArgs& args) {
  Eigh<T> eigh(lane, args);
  std::vector<std::int64_t> not_converged;
  std::vector<std::int64_t> beyond;
  for_each_finite(
      "eigh", Indices(args.batch), [&](std::int64_t i) { return eigh.load(i); },
      [&](std::int64_t i) {
        if (!eigh.compute(i)) {
          not_converged.push_back(i);
        } else if (eigh.is_beyond(i)) {
          beyond.push_back(i);
        }
      });
  throw_for(not_converged, args.batch, Code::NotConverged, "eigh: the iteration did not converge");
  throw_beyond(beyond, args.batch, args.type, "eigh: there are eigenvalues");
}

}  // namespace

void eigh(Lane& lane, const EighArgs& args) {
  if (args.n == 0 || args.batch == 0) return;
  check_lapack_size("eigh", args.n, args.n);
  say_ran(args.ran, "heevd");
  with_complex(
      args.type, [&](auto element) { eigh_batch<decltype(element)>(lane, args); }, cores_by_columns(args.n, args.n));
}

}  // namespace tensorlane::cpu::complex
