// All kernels as one table, for the file that includes this: TENSORLANE_SET names its namespace.
#pragma once

#include "cpu/small/cholesky_kernel.h"
#include "cpu/small/eigh_kernel.h"
#include "cpu/small/lu_kernel.h"
#include "cpu/small/matmul_kernel.h"
#include "cpu/small/qr_kernel.h"
#include "cpu/small/svd_kernel.h"

namespace tensorlane::cpu::small::TENSORLANE_SET {
namespace {

template <typename T>
constexpr Table<T> table(Index most_svd) {
  static_assert(kLanes<T> <= kMostLanes);
  return {kLanes<T>, most_svd, matmul<T>, svd<T>, eigh<T>, qr<T>, lu<T>, cholesky<T>};
}

}  // namespace
}  // namespace tensorlane::cpu::small::TENSORLANE_SET
