// QR of complex matrices by Householder reflections: the LQ factors of A^T, whose buffer A's is by columns (gelqf, unglq). The
// diagonal of r is real, with LAPACK's signs.
#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <tuple>
#include <vector>

#include "cpu/complex/batch.h"

namespace tensorlane::cpu::complex {
namespace {

using lapack::Int;

template <typename T>
class Qr {
 public:
  Qr(Lane& lane, const QrArgs& args)
      : args_(args),
        m_(args.m),
        n_(args.n),
        k_(QrSizes(args.mode, args.m, args.n).k),
        size_(QrSizes(args.mode, args.m, args.n).between) {
    T optimal{};
    Int info = 0;
    lapack::gelqf(Int(n_), Int(m_), static_cast<T*>(nullptr), static_cast<T*>(nullptr), &optimal, -1, &info);
    std::int64_t lwork = work_size(optimal);
    lapack::unglq(Int(size_), Int(m_), Int(k_), static_cast<T*>(nullptr), static_cast<T*>(nullptr), &optimal, -1,
                  &info);
    lwork = std::max(lwork, work_size(optimal));
    check_work_size("qr", lwork, m_, n_, "split the matrix");
    lwork_ = static_cast<Int>(lwork);
    std::tie(copy_, tau_, work_) = take_arrays<T, T, T>(lane.workspace(), m_ * n_, k_, lwork);
  }

  [[nodiscard]] bool load(std::int64_t i) {
    return copy_finite(elements<const T>(args_.a) + i * m_ * n_, copy_, static_cast<std::size_t>(m_ * n_));
  }

  // Whether r can be held in the type.
  [[nodiscard]] bool compute(std::int64_t i) {
    Int info = 0;
    lapack::gelqf(Int(n_), Int(m_), copy_, tau_, work_, lwork_, &info);
    check_info("qr: gelqf", info);
    T* r = elements<T>(args_.r) + i * size_ * n_;
    for (std::int64_t row = 0; row < size_; ++row) {
      const std::int64_t zeros = std::min(row, n_);
      std::fill_n(r + row * n_, zeros, T{0});
      std::copy_n(copy_ + row * n_ + zeros, n_ - zeros, r + row * n_ + zeros);
    }
    if (!all_finite(r, static_cast<std::size_t>(size_ * n_))) return false;
    if (args_.mode == QrMode::R) return true;
    T* q = elements<T>(args_.q) + i * m_ * size_;
    for (std::int64_t row = 0; row < m_; ++row) std::copy_n(copy_ + row * n_, k_, q + row * size_);
    lapack::unglq(Int(size_), Int(m_), Int(k_), q, tau_, work_, lwork_, &info);
    check_info("qr: unglq", info);
    return true;
  }

 private:
  const QrArgs& args_;
  std::int64_t m_, n_, k_;
  std::int64_t size_;  // q's columns and r's rows
  T* copy_ = nullptr;
  T* tau_ = nullptr;
  T* work_ = nullptr;
  Int lwork_ = 0;
};

template <typename T>
void qr_batch(Lane& lane, const QrArgs& args) {
  if (args.m == 0 || args.n == 0) {  // any unitary matrix will do
    for (std::int64_t i = 0; args.mode == QrMode::Complete && i < args.batch; ++i) {
      set_identity(elements<T>(args.q) + i * args.m * args.m, args.m);
    }
    return;
  }
  Qr<T> qr(lane, args);
  std::vector<std::int64_t> beyond;
  for_each_finite(
      "qr", Indices(args.batch), [&](std::int64_t i) { return qr.load(i); },
      [&](std::int64_t i) {
        if (!qr.compute(i)) beyond.push_back(i);
      });
  throw_beyond(beyond, args.batch, args.type, "qr: r has elements");
}

}  // namespace

void qr(Lane& lane, const QrArgs& args) {
  check_lapack_size("qr", args.m, args.n);
  with_complex(
      args.type, [&](auto element) { qr_batch<decltype(element)>(lane, args); }, cores_by_columns(args.m, args.n));
}

}  // namespace tensorlane::cpu::complex
