// Which of cuSOLVER's routines does an SVD.
#pragma once

#include <cstdint>

#include "device/device.h"
#include "device/driver_table.h"

namespace tensorlane::cuda {

enum class SvdMethod { Gesvd, Gesvdj, GesvdjBatched, Gesvdp, Gesvdr, Gesvda };

struct SvdLimits {
  // What gesvdjBatched takes.
  std::int64_t batched = 32;
  // Jacobi's method up to this smaller size, for matrices too large for the batched routine. PyTorch takes gesvdj for
  // all sizes and gesvd where it does not converge.
  std::int64_t jacobi_float32 = driver_table::kGesvdjFloat32;
  std::int64_t jacobi_float64 = driver_table::kGesvdjFloat64;
  // The first version of cuSOLVER (as cusolverGetVersion gives it) whose gesvdp is right on rank-deficient matrices.
  // That was mended in CUDA 13.3 Update 1; its cuSOLVER's number is not known here, so it is taken to be the next major
  // one.
  int gesvdp_is_right = 13000;
};

// What the user asked for, or for SvdDriver::Auto: gesvdjBatched for batches of small matrices, gesvdj for those of
// middle size, and for large ones gesvdp where it is right, else gesvd. Never gesvda, which loses half of the digits,
// nor gesvdr, which gives a part.
[[nodiscard]] SvdMethod choose_svd(SvdDriver driver, DType type, std::int64_t batch, std::int64_t m, std::int64_t n,
                                   int library_version, const SvdLimits& limits = {});

// As a result says it.
[[nodiscard]] const char* name_of(SvdMethod method);

// That the driver can do what is asked of it. Errors: Argument, naming driver, shape and limit.
void check_svd_driver(const SvdArgs& args);

}  // namespace tensorlane::cuda
