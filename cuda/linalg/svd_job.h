// What a driver of the SVD is given, one driver a file.
//
// Row-major without a transpose: the buffer of a row-major m x n matrix A is, by columns, the n x m matrix A^T, and A^T
// = U' S V'^T means A = V' S U'^T. So the U' that a routine gives by columns is our vt, row-major, and where it gives
// V'^T, that is our u; where it gives V', that is our u transposed.
#pragma once

#include <cstddef>
#include <cstdint>

#include "cuda/linalg/common.h"
#include "cuda/runtime/lane.h"
#include "device/device.h"

namespace tensorlane::cuda {

// `count` matrices m x n, packed and row-major, of finite elements that may be squared; m, n and count are not 0.
struct SvdJob {
  DType type{};
  SvdMode mode{};
  std::int64_t rank = 0;  // gesvdr: how many values and vectors
  int max_sweeps = 0;     // Jacobi methods: 0 for as many as the library thinks right
  std::int64_t count = 0, m = 0, n = 0;
  void* a = nullptr;  // may be destroyed
  void* u = nullptr;  // sizes as in SvdArgs; null for SvdMode::Values
  void* s = nullptr;
  void* vt = nullptr;
  int* info = nullptr;  // one each, as LAPACK's

  [[nodiscard]] std::int64_t k() const noexcept { return SvdSizes(mode, m, n).k; }
  [[nodiscard]] bool vectors() const noexcept { return mode != SvdMode::Values; }
  // Of u and of vt. The routines are given memory of these sizes also where only values are wanted: some fail without.
  [[nodiscard]] std::int64_t u_columns() const noexcept { return SvdSizes(mode, m, n).u_columns; }
  [[nodiscard]] std::int64_t vt_rows() const noexcept { return SvdSizes(mode, m, n).vt_rows; }
  // In bytes, of so many elements.
  [[nodiscard]] std::size_t bytes(std::int64_t elements) const noexcept { return bytes_of(type, elements); }
  [[nodiscard]] void* a_at(std::int64_t i) const noexcept { return at(type, a, i * m * n); }
  [[nodiscard]] void* u_at(std::int64_t i) const noexcept { return at(type, u, i * m * u_columns()); }
  [[nodiscard]] void* s_at(std::int64_t i) const noexcept { return at(type, s, i * k()); }
  [[nodiscard]] void* vt_at(std::int64_t i) const noexcept { return at(type, vt, i * vt_rows() * n); }
  // The job of these matrices alone. Not for gesvdr, whose results have other sizes.
  [[nodiscard]] SvdJob part(std::int64_t first, std::int64_t some) const;
};

// Does the job for the transposed matrices instead, for a driver that takes no more rows than columns.
void svd_transposed(CudaLane& lane, const SvdJob& job, void (*driver)(CudaLane&, const SvdJob&));

// The drivers put their work on the lane's stream; most of them wait for some of it themselves. Errors: OutOfMemory,
// Shape where the library's sizes are 32 bits.
void svd_gesvd(CudaLane& lane, const SvdJob& job);
void svd_gesvdj(CudaLane& lane, const SvdJob& job);
void svd_gesvdj_batched(CudaLane& lane, const SvdJob& job);  // m, n <= 32
// perturbations[i], on the host: by how much the singular values of matrix i may be off; the library writes it
// when it likes, and it is there when the stream has done the work.
void svd_gesvdp(CudaLane& lane, const SvdJob& job, double* perturbations);
void svd_gesvdr(CudaLane& lane, const SvdJob& job);  // 0 < rank < min(m, n); not for SvdMode::Full
void svd_gesvda(CudaLane& lane, const SvdJob& job);  // not for SvdMode::Full

}  // namespace tensorlane::cuda
