// QR by Householder reflections: of small real matrices many at a time (cpu/small), of others LAPACK's gelqf and orglq (unglq).
//
// Row-major without a transpose: the buffer of a row-major m x n matrix A is that of the column-major n x m matrix A^T,
// and A^T = L P means A = P^T L^T. So the LQ factorisation of that buffer is the QR of A: the buffer of the
// column-major L is that of our r, and the buffer of the column-major P is that of our q. The reflections, and so the
// signs, are those of geqrf on A.
#include <algorithm>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <tuple>
#include <vector>

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

template <typename T>
class Qr {
 public:
  Qr(Lane& lane, const QrArgs& args)
      : args_(args),
        m_(args.m),
        n_(args.n),
        k_(QrSizes(args.mode, args.m, args.n).k),
        size_(QrSizes(args.mode, args.m, args.n).between),
        wants_q_(args.mode != QrMode::R) {
    const std::int64_t lwork = query();
    std::tie(copy_, tau_, work_) = take_arrays<T, T, T>(lane.workspace(), m_ * n_, k_, lwork);
    lwork_ = static_cast<Int>(lwork);
  }

  [[nodiscard]] bool load(std::int64_t i) {
    return copy_finite(elements<const T>(args_.a) + i * m_ * n_, copy_, static_cast<std::size_t>(m_ * n_));
  }

  // Whether r can be held in the type.
  [[nodiscard]] bool compute(std::int64_t i) {
    T* r = elements<T>(args_.r) + i * size_ * n_;
    reflect();
    write_r(r);
    if (!all_finite(r, r_elements()) || is_tiny(r)) {
      // A norm on the way has overflowed, perhaps without need, or digits are lost beside the smallest numbers.
      if (!load(i)) return false;  // written to meanwhile
      const int exponent = exponent_of_largest(copy_, m_ * n_);
      for (std::int64_t j = 0; j < m_ * n_; ++j) copy_[j] = times_power_of_two(copy_[j], -exponent);
      reflect();
      write_r(r);
      for (std::size_t j = 0; j < r_elements(); ++j) r[j] = times_power_of_two(r[j], exponent);
      if (!all_finite(r, r_elements())) return false;
    }
    if (wants_q_) write_q(elements<T>(args_.q) + i * m_ * size_);
    return true;
  }

 private:
  [[nodiscard]] std::size_t r_elements() const { return static_cast<std::size_t>(size_ * n_); }
  [[nodiscard]] bool is_tiny(const T* r) const {
    return exponent_of_largest(r, size_ * n_) < exponent_of(kLeastWithAllDigits<T>);
  }

  void reflect() {
    Int info = 0;
    lapack::gelqf(Int(n_), Int(m_), copy_, tau_, work_, lwork_, &info);
    check_info("qr: gelqf", info);
  }

  std::int64_t query() {
    T optimal{};
    Int info = 0;
    lapack::gelqf(Int(n_), Int(m_), static_cast<T*>(nullptr), static_cast<T*>(nullptr), &optimal, -1, &info);
    check_info("qr: gelqf", info);
    std::int64_t lwork = work_size(optimal);
    if (wants_q_) {
      lapack::orglq(Int(size_), Int(m_), Int(k_), static_cast<T*>(nullptr), static_cast<T*>(nullptr), &optimal, -1,
                    &info);
      check_info("qr: orglq", info);
      lwork = std::max(lwork, work_size(optimal));
    }
    check_work_size("qr", lwork, m_, n_, "split the matrix");
    return lwork;
  }

  // What gelqf leaves below r's diagonal is of the reflections.
  void write_r(T* r) const {
    for (std::int64_t row = 0; row < size_; ++row) {
      const std::int64_t zeros = std::min(row, n_);
      std::fill_n(r + row * n_, zeros, T{0});
      std::copy_n(copy_ + row * n_ + zeros, n_ - zeros, r + row * n_ + zeros);
    }
  }

  // The k reflections lie in the first k places of each row of the copy (n to a row), and are wanted in those of q.
  void write_q(T* q) {
    for (std::int64_t row = 0; row < m_; ++row) std::copy_n(copy_ + row * n_, k_, q + row * size_);
    Int info = 0;
    lapack::orglq(Int(size_), Int(m_), Int(k_), q, tau_, work_, lwork_, &info);
    check_info("qr: orglq", info);
  }

  const QrArgs& args_;
  std::int64_t m_, n_, k_;
  std::int64_t size_;  // q's columns and r's rows
  bool wants_q_;
  T* copy_ = nullptr;
  T* tau_ = nullptr;
  T* work_ = nullptr;
  Int lwork_ = 0;
};

template <typename T>
void qr_by_lapack(Lane& lane, const QrArgs& args, const Indices& indices) {
  check_lapack_size("qr", args.m, args.n);
  Qr<T> qr(lane, args);
  std::vector<std::int64_t> beyond;
  for_each_finite(
      "qr", indices, [&](std::int64_t i) { return qr.load(i); },
      [&](std::int64_t i) {
        if (!qr.compute(i)) beyond.push_back(i);
      });
  throw_beyond(beyond, args.batch, args.type, "qr: r has elements");
}

// Gives what LAPACK is to do.
template <typename T>
std::vector<std::int64_t> small_qr_batch(Lane& lane, const QrArgs& args) {
  const bool wants_q = args.mode != QrMode::R;
  small::QrGroup<T> group;
  group.m = args.m;
  group.n = args.n;
  group.between = QrSizes(args.mode, args.m, args.n).between;
  const auto place = [&](small::QrGroup<T>& to, std::int64_t at, std::int64_t i) {
    to.a[at] = elements<const T>(args.a) + i * args.m * args.n;
    to.r[at] = elements<T>(args.r) + i * group.between * args.n;
    if (wants_q) to.q[at] = elements<T>(args.q) + i * args.m * group.between;
  };
  const std::int64_t registers = small::qr_registers(args.m, args.n, wants_q ? group.between : 0);
  const small::Left left = small::run_groups(lane.workspace(), args.batch, registers, small::qr_steps(args.m, args.n),
                                             small::kernels<T>().qr, group, place);
  throw_not_finite("qr", left.not_finite, args.batch);
  return left.undone;
}

template <typename T>
void qr_batch(Lane& lane, const QrArgs& args) {
  if (args.batch == 0) return;
  if (args.m == 0 || args.n == 0) {
    // Nothing to factorise: in complete mode any orthogonal matrix will do.
    if (args.mode != QrMode::Complete) return;
    for (std::int64_t i = 0; i < args.batch; ++i) set_identity(elements<T>(args.q) + i * args.m * args.m, args.m);
    return;
  }
  small_or_lapack<T>(
      small::takes_qr(args.m, args.n), args.batch, cores_by_columns(args.m, args.n),
      [&](auto element) { return small_qr_batch<decltype(element)>(lane, args); },
      [&](const Indices& indices) { qr_by_lapack<T>(lane, args, indices); });
}

}  // namespace

void qr(Lane& lane, const QrArgs& args) {
  with_field(args.type, [&](auto element) { qr_batch<decltype(element)>(lane, args); });
}

}  // namespace tensorlane::cpu
