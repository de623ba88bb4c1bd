#include "cuda/linalg/svd_choice.h"

#include <algorithm>
#include <cstdint>
#include <string>

#include "core/error.h"

namespace tensorlane::cuda {

SvdMethod choose_svd(SvdDriver driver, DType type, std::int64_t batch, std::int64_t m, std::int64_t n,
                     int library_version, const SvdLimits& limits) {
  const bool small = batch > 1 && std::max(m, n) <= limits.batched;
  switch (driver) {
    case SvdDriver::Gesvd:
      return SvdMethod::Gesvd;
    case SvdDriver::Gesvdj:
      return small ? SvdMethod::GesvdjBatched : SvdMethod::Gesvdj;
    case SvdDriver::Gesvdp:
      return SvdMethod::Gesvdp;
    case SvdDriver::Gesvdr:
      return SvdMethod::Gesvdr;
    case SvdDriver::Gesvda:
      return SvdMethod::Gesvda;
    case SvdDriver::Auto:
      break;
  }
  if (small) return SvdMethod::GesvdjBatched;
  const std::int64_t jacobi = type == DType::Float32 ? limits.jacobi_float32 : limits.jacobi_float64;
  if (std::min(m, n) <= jacobi) return SvdMethod::Gesvdj;
  return library_version >= limits.gesvdp_is_right ? SvdMethod::Gesvdp : SvdMethod::Gesvd;
}

void check_svd_driver(const SvdArgs& args) {
  const std::string shape = std::to_string(args.m) + " x " + std::to_string(args.n);
  const std::int64_t k = std::min(args.m, args.n);
  if (args.mode == SvdMode::Full && (args.driver == SvdDriver::Gesvda || args.driver == SvdDriver::Gesvdr)) {
    const char* name = args.driver == SvdDriver::Gesvda ? "gesvda" : "gesvdr";
    throw Error(Code::Argument, std::string("svd: the driver '") + name + "' has no full mode (given " + shape +
                                    "); use mode 'thin' or 'values', or another driver");
  }
  if (args.driver != SvdDriver::Gesvdr) {
    if (args.rank == 0) return;
    throw Error(Code::Argument, "svd: a rank (given " + std::to_string(args.rank) +
                                    ") is for the driver 'gesvdr' alone; leave it out, or use that driver");
  }
  if (args.rank < 1 || args.rank >= k) {
    throw Error(Code::Argument, "svd: the driver 'gesvdr' needs a rank from 1 to min(m, n) - 1 = " +
                                    std::to_string(std::max<std::int64_t>(k - 1, 0)) + ", got " +
                                    (args.rank == 0 ? "none" : std::to_string(args.rank)) + " for " + shape +
                                    "; use another driver for all singular values");
  }
}

}  // namespace tensorlane::cuda
