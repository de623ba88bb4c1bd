// Eigenvalues and eigenvectors of any matrix, by QR iteration of its Hessenberg form (LAPACK's geev), which balances it and scales
// it where it is very large or very small.
//
// Of a real matrix the complex ones come in pairs, one beside the other: geev has the eigenvector's real part in the first
// one's column and its imaginary part in the second one's.
#include <complex>
#include <cstddef>
#include <cstdint>
#include <tuple>
#include <vector>

#include "cpu/linalg/finite.h"
#include "cpu/linalg/lapack.h"
#include "cpu/linalg/matrix.h"
#include "cpu/linalg/operation.h"
#include "cpu/operations.h"

namespace tensorlane::cpu {
namespace {

using lapack::Int;

enum class EigOutcome { Done, NotConverged, Beyond };

template <typename T>
class Eig {
 public:
  using Number = std::complex<Real<T>>;

  Eig(Lane& lane, const EigArgs& args) : args_(args), n_(args.n), job_(args.vectors ? 'V' : 'N') {
    // What it asks for its own workspace writes to all of these.
    T optimal{};
    T unused{};
    Real<T> unused_real{};
    Int info = 0;
    lapack::geev(job_, static_cast<Int>(n_), &unused, &unused, &unused, &optimal, -1, &unused_real, &info);
    check_info("eig: geev", info);
    const std::int64_t lwork = work_size(optimal);
    check_work_size("eig", lwork, n_, n_, "split the matrix");
    lwork_ = static_cast<Int>(lwork);
    std::tie(a_, w_, v_, work_, rwork_) =
        take_arrays<T, T, T, T, Real<T>>(lane.workspace(), n_ * n_, 2 * n_, args.vectors ? n_ * n_ : 0, lwork, 2 * n_);
  }

  [[nodiscard]] bool load(std::int64_t i) {
    transpose(elements<const T>(args_.a) + i * n_ * n_, n_, n_, a_);
    return all_finite(a_, static_cast<std::size_t>(n_ * n_));
  }

  [[nodiscard]] EigOutcome compute(std::int64_t i) {
    Int info = 0;
    lapack::geev(job_, static_cast<Int>(n_), a_, w_, v_, work_, lwork_, rwork_, &info);
    check_info("eig: geev", info);
    if (info > 0) return EigOutcome::NotConverged;
    Number* w = elements<Number>(args_.w) + i * n_;
    for (std::int64_t j = 0; j < n_; ++j) w[j] = value(j);
    if (!all_finite(w, static_cast<std::size_t>(n_))) return EigOutcome::Beyond;
    if (!args_.vectors) return EigOutcome::Done;
    Number* v = elements<Number>(args_.v) + i * n_ * n_;
    write_vectors(v);
    return all_finite(v, static_cast<std::size_t>(n_ * n_)) ? EigOutcome::Done : EigOutcome::NotConverged;
  }

 private:
  [[nodiscard]] Number value(std::int64_t j) const {
    if constexpr (kIsComplex<T>) {
      return w_[j];
    } else {
      return {w_[j], w_[n_ + j]};
    }
  }

  void write_vectors(Number* v) const {
    if constexpr (kIsComplex<T>) {
      transpose(v_, n_, n_, v);
    } else {
      for (std::int64_t j = 0; j < n_; ++j) {
        const bool is_pair = w_[n_ + j] != 0 && j + 1 < n_;
        for (std::int64_t row = 0; row < n_; ++row) {
          const T real = v_[j * n_ + row];
          if (!is_pair) {
            v[row * n_ + j] = real;
          } else {
            const T imaginary = v_[(j + 1) * n_ + row];
            v[row * n_ + j] = {real, imaginary};
            v[row * n_ + j + 1] = {real, -imaginary};
          }
        }
        if (is_pair) ++j;
      }
    }
  }

  const EigArgs& args_;
  std::int64_t n_;
  char job_;
  T* a_ = nullptr;
  T* w_ = nullptr;
  T* v_ = nullptr;
  T* work_ = nullptr;
  Real<T>* rwork_ = nullptr;
  Int lwork_ = 0;
};

template <typename T>
void eig_batch(Lane& lane, const EigArgs& args) {
  Eig<T> eig(lane, args);
  std::vector<std::int64_t> not_converged;
  std::vector<std::int64_t> beyond;
  for_each_finite(
      "eig", Indices(args.batch), [&](std::int64_t i) { return eig.load(i); },
      [&](std::int64_t i) {
        switch (eig.compute(i)) {
          case EigOutcome::Done:
            return;
          case EigOutcome::NotConverged:
            return not_converged.push_back(i);
          case EigOutcome::Beyond:
            return beyond.push_back(i);
        }
      });
  throw_for(not_converged, args.batch, Code::NotConverged, "eig: the iteration did not converge");
  throw_beyond(beyond, args.batch, args.type, "eig: there are eigenvalues");
}

}  // namespace

void eig(Lane& lane, const EigArgs& args) {
  if (args.n == 0 || args.batch == 0) return;
  check_lapack_size("eig", args.n, args.n);
  const BlasShare share(cores_by_columns(args.n, args.n));
  with_field(args.type, [&](auto element) { eig_batch<decltype(element)>(lane, args); });
}

}  // namespace tensorlane::cpu
