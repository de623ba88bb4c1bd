// Matrices as products of others.
#pragma once

#include <algorithm>
#include <array>
#include <cstdint>
#include <string>

#include "device/algebra/batch.h"

namespace tensorlane {

enum class SvdMode { Thin, Full, Values };
// The CPU's are Jacobi (of small matrices, our own), Gesdd, GesddTransposed (of the transpose, and transposed back) and Gesvd;
// cuSOLVER's Gesvd and those behind it.
enum class SvdDriver { Auto, Jacobi, Gesdd, GesddTransposed, Gesvd, Gesvdj, Gesvdp, Gesvdr, Gesvda };
enum class QrMode { Reduced, Complete, R };

template <>
struct Words<SvdMode> {
  static constexpr std::array kTable{
      Word{SvdMode::Thin, "thin"},
      Word{SvdMode::Full, "full"},
      Word{SvdMode::Values, "values"},
  };
};

template <>
struct Words<SvdDriver> {
  static constexpr std::array kTable{
      Word{SvdDriver::Auto, "auto"},     Word{SvdDriver::Jacobi, "jacobi"},
      Word{SvdDriver::Gesdd, "gesdd"},   Word{SvdDriver::GesddTransposed, "gesddTransposed"},
      Word{SvdDriver::Gesvd, "gesvd"},   Word{SvdDriver::Gesvdj, "gesvdj"},
      Word{SvdDriver::Gesvdp, "gesvdp"}, Word{SvdDriver::Gesvdr, "gesvdr"},
      Word{SvdDriver::Gesvda, "gesvda"},
  };
};

template <>
struct Words<QrMode> {
  static constexpr std::array kTable{
      Word{QrMode::Reduced, "reduced"},
      Word{QrMode::Complete, "complete"},
      Word{QrMode::R, "r"},
  };
};

// How many singular values an m x n matrix is decomposed into, columns u has, and rows vt; the latter two are not wanted
// for SvdMode::Values. Of `rank`, where it is not 0, there are no more than that.
struct SvdSizes {
  std::int64_t k, u_columns, vt_rows;

  SvdSizes(SvdMode mode, std::int64_t m, std::int64_t n, std::int64_t rank = 0)
      : k(rank == 0 ? std::min(m, n) : std::min({m, n, rank})),
        u_columns(mode == SvdMode::Full ? m : k),
        vt_rows(mode == SvdMode::Full ? n : k) {}
};

// How many reflections make the QR factors of an m x n matrix, and how many columns q has and rows r; q is not wanted for
// QrMode::R.
struct QrSizes {
  std::int64_t k, between;

  QrSizes(QrMode mode, std::int64_t m, std::int64_t n) : k(std::min(m, n)), between(mode == QrMode::Complete ? m : k) {}
};

// A batch of `batch` matrices of m x n, real or complex; of the latter vt has the conjugates that make it a product, and s is real.
// With k = min(m, n): u is m x k (thin) or m x m (full), s is k, vt is k x n or n
// x n. u and vt are empty for SvdMode::Values. Errors: NotFinite and NotConverged with the indices of the matrices in
// the batch; Argument where the driver cannot do it.
struct SvdArgs {
  DType type{};
  SvdMode mode{};
  SvdDriver driver{};
  std::int64_t rank = 0;  // Gesvdr: how many singular values and vectors, all where 0; k above is then this
  std::int64_t batch = 0, m = 0, n = 0;
  Operand a, u, s, vt;
  int max_sweeps = 0;  // of Jacobi's method; 0: as many as the library thinks right
  Ran ran = nullptr;   // a driver's word

  [[nodiscard]] double work(double bytes) const { return bytes * static_cast<double>(std::min(m, n)); }

  void read(Request& request) {
    mode = request.choice<SvdMode>("mode");
    driver = request.choice<SvdDriver>("driver");
    rank = request.size("rank");
    read_matrices(request, *this, Elements::RealOrComplex);
    // The device refuses a rank that its drivers do not take, and says which they do.
    const SvdSizes sizes(mode, m, n, rank);
    request.result(s, checked_bytes(real_of(type), {batch, sizes.k}));
    if (mode == SvdMode::Values) return;
    request.result(u, checked_bytes(type, {batch, m, sizes.u_columns}));
    request.result(vt, checked_bytes(type, {batch, sizes.vt_rows, n}));
  }
};

// Real or complex. With k = min(m, n): q is m x k and r is k x n (reduced), q m x m and r m x n (complete), or q empty and r k x n (R).
// Errors: NotFinite with the indices of the matrices in the batch.
struct QrArgs {
  DType type{};
  QrMode mode{};
  std::int64_t batch = 0, m = 0, n = 0;
  Operand a, q, r;

  [[nodiscard]] double work(double bytes) const { return bytes * static_cast<double>(std::min(m, n)); }

  void read(Request& request) {
    mode = request.choice<QrMode>("mode");
    read_matrices(request, *this, Elements::RealOrComplex);
    const std::int64_t between = QrSizes(mode, m, n).between;
    request.result(r, checked_bytes(type, {batch, between, n}));
    if (mode != QrMode::R) request.result(q, checked_bytes(type, {batch, m, between}));
  }
};

// l (n x n) is lower triangular with a = l l^T, or l l^H of complex ones; only the lower triangle of a is read; the upper one of l is zero.
// Errors: NotFinite and NotPositiveDefinite with the indices of the matrices in the batch.
struct CholeskyArgs {
  DType type{};
  std::int64_t batch = 0, n = 0;
  Operand a, l;

  [[nodiscard]] double work(double bytes) const { return bytes * static_cast<double>(n); }

  void read(Request& request) { request.result(l, read_square(request, *this, Elements::RealOrComplex)); }
};

// With k = min(m, n): lu is m x n, u in its upper triangle and, below it, l without the ones of its diagonal, for what a's
// rows become by `pivots` (k of int32): row i exchanged with row pivots[i], one after the other. Where it is wanted,
// permutation[i] (m of int32) says which row of l u row i of a is. A singular matrix is no error: u has a zero on its
// diagonal. Errors: NotFinite with the indices of the matrices in the batch.
struct LuFactorArgs {
  DType type{};
  bool wants_permutation = false;
  std::int64_t batch = 0, m = 0, n = 0;
  Operand a, lu, pivots, permutation;

  [[nodiscard]] double work(double bytes) const { return bytes * static_cast<double>(std::min(m, n)); }

  void read(Request& request) {
    wants_permutation = request.flag("permutation");
    read_matrices(request, *this, Elements::RealOrComplex);
    request.result(lu, checked_bytes(type, {batch, m, n}));
    request.result(pivots, checked_bytes(DType::Int32, {batch, std::min(m, n)}));
    if (wants_permutation) request.result(permutation, checked_bytes(DType::Int32, {batch, m}));
  }
};

#define TENSORLANE_DECOMPOSITIONS(ROW)           \
  ROW(svd, SvdArgs, "svd", false)                \
  ROW(qr, QrArgs, "qr", false)                   \
  ROW(cholesky, CholeskyArgs, "cholesky", false) \
  ROW(lu_factor, LuFactorArgs, "luFactor", false)

}  // namespace tensorlane
