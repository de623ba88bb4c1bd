#include "cuda/linalg/svd_choice.h"

#include <algorithm>
#include <array>
#include <cstdint>
#include <string>

#include "core/error.h"

namespace tensorlane::cuda {

namespace {

// What each driver is: the routine for one matrix at a time and that for a batch of small ones, and what it can do.
struct DriverRow {
  SvdDriver driver;
  SvdMethod method, of_small_batch;
  bool full_mode = true;
  bool takes_rank = false;
};

constexpr std::array kDrivers{
    DriverRow{SvdDriver::Gesvd, SvdMethod::Gesvd, SvdMethod::Gesvd},
    DriverRow{SvdDriver::Gesvdj, SvdMethod::Gesvdj, SvdMethod::GesvdjBatched},
    DriverRow{SvdDriver::Gesvdp, SvdMethod::Gesvdp, SvdMethod::Gesvdp},
    DriverRow{SvdDriver::Gesvdr, SvdMethod::Gesvdr, SvdMethod::Gesvdr, false, true},
    DriverRow{SvdDriver::Gesvda, SvdMethod::Gesvda, SvdMethod::Gesvda, false},
};

const DriverRow& row_of(SvdDriver driver) {
  const auto row = std::ranges::find(kDrivers, driver, &DriverRow::driver);
  if (row == kDrivers.end()) throw Error(Code::Internal, "svd: a driver is missing in the table");
  return *row;
}

std::string quoted(SvdDriver driver) { return std::string("'").append(word_of(driver)).append("'"); }

}  // namespace

SvdMethod choose_svd(SvdDriver driver, DType type, std::int64_t batch, std::int64_t m, std::int64_t n,
                     int library_version, const SvdLimits& limits) {
  const bool small = batch > 1 && std::max(m, n) <= limits.batched;
  if (driver != SvdDriver::Auto) return small ? row_of(driver).of_small_batch : row_of(driver).method;
  if (small) return SvdMethod::GesvdjBatched;
  const std::int64_t jacobi = type == DType::Float32 ? limits.jacobi_float32 : limits.jacobi_float64;
  if (std::min(m, n) <= jacobi) return SvdMethod::Gesvdj;
  return library_version >= limits.gesvdp_is_right ? SvdMethod::Gesvdp : SvdMethod::Gesvd;
}

const char* name_of(SvdMethod method) {
  switch (method) {
    case SvdMethod::Gesvd:
      return "gesvd";
    case SvdMethod::Gesvdj:
      return "gesvdj";
    case SvdMethod::GesvdjBatched:
      return "gesvdjBatched";
    case SvdMethod::Gesvdp:
      return "gesvdp";
    case SvdMethod::Gesvdr:
      return "gesvdr";
    case SvdMethod::Gesvda:
      return "gesvda";
  }
  return nullptr;
}

void check_svd_driver(const SvdArgs& args) {
  const std::string shape = std::to_string(args.m) + " x " + std::to_string(args.n);
  const std::int64_t k = std::min(args.m, args.n);
  const bool chosen = args.driver != SvdDriver::Auto;
  if (chosen && std::ranges::find(kDrivers, args.driver, &DriverRow::driver) == kDrivers.end()) {
    throw Error(Code::Argument, std::string("svd: the driver ") + quoted(args.driver) +
                                    " is the CPU's; a CUDA device takes 'auto' and cuSOLVER's: 'gesvd', 'gesvdj', "
                                    "'gesvdp', 'gesvdr' and 'gesvda'");
  }
  if (chosen && args.mode == SvdMode::Full && !row_of(args.driver).full_mode) {
    throw Error(Code::Argument, std::string("svd: the driver ") + quoted(args.driver) + " has no full mode (given " +
                                    shape + "); use mode 'thin' or 'values', or another driver");
  }
  if (!chosen || !row_of(args.driver).takes_rank) {
    if (args.rank == 0) return;
    throw Error(Code::Argument, std::string("svd: a rank (given ") + std::to_string(args.rank) +
                                    ") is for the driver 'gesvdr' alone; leave it out, or use that driver");
  }
  if (args.rank < 1 || args.rank >= k) {
    throw Error(Code::Argument,
                std::string("svd: the driver ") + quoted(args.driver) +
                    " needs a rank from 1 to min(m, n) - 1 = " + std::to_string(std::max<std::int64_t>(k - 1, 0)) +
                    ", got " + (args.rank == 0 ? "none" : std::to_string(args.rank)) + " for " + shape +
                    "; use another driver for all singular values");
  }
}

}  // namespace tensorlane::cuda
