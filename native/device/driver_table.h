// Which routine is the quickest for which matrices, as measured. `npm run bench:drivers -- --write` measures it again, on
// the machine where it runs, and writes here what it could measure there; it knows the constants by their names.
//
// clang-format off
// CPU: 2026-11-30, 2 cores of Intel(R) Xeon(R) Processor, beside other work, OpenBLAS 0.3.21 NO_LAPACKE DYNAMIC_ARCH NO_AFFINITY Prescott MAX_THREADS=64; tensorlane 0.1.0 (commit 785b33c, with changes); kJacobiAvx2Float64 came out as 16 and was left
// CUDA: not measured yet; by what NVIDIA and PyTorch say of them
// clang-format on
//
// The kernels of each instruction set are compiled with it, so it holds constants alone (see cpu/small/table.h).
#pragma once

#include <cstdint>

namespace tensorlane::driver_table {

// The SVD on a CPU: matrices whose shorter side is at most so long go to Jacobi rotations of our own rather than to LAPACK's gesdd,
// by instruction set and type.
inline constexpr std::int64_t kJacobiAvx512Float32 = 32;
inline constexpr std::int64_t kJacobiAvx512Float64 = 32;
inline constexpr std::int64_t kJacobiAvx2Float32 = 32;
inline constexpr std::int64_t kJacobiAvx2Float64 = 32;
inline constexpr std::int64_t kJacobiPlainFloat32 = 16;
inline constexpr std::int64_t kJacobiPlainFloat64 = 16;

// Of tall row-major matrices, which are wide ones by columns: gesdd takes them transposed, with so many rows a column or more and so
// many elements or more.
inline constexpr std::int64_t kTransposedRatio = 8;
inline constexpr std::int64_t kTransposedElements = 500'000;

// The SVD on a GPU: cuSOLVER's gesvdj rather than gesvdp or gesvd for matrices whose shorter side is at most so long.
inline constexpr std::int64_t kGesvdjFloat32 = 1024;
inline constexpr std::int64_t kGesvdjFloat64 = 512;

}  // namespace tensorlane::driver_table
