// The BLAS and the LAPACK that this is built with: OpenBLAS, or Apple's Accelerate, which is prepared for and untried.
#pragma once

#ifdef TENSORLANE_ACCELERATE
#include <Accelerate/Accelerate.h>
#else
#include <cblas.h>
#endif

namespace tensorlane::cpu {

// How many cores each call may use from now on. Accelerate decides that by itself.
inline void set_blas_threads([[maybe_unused]] unsigned threads) {
#ifndef TENSORLANE_ACCELERATE
  openblas_set_num_threads(static_cast<int>(threads));
#endif
}

// Its name, and what it tells of how it was built.
inline const char* blas_name() {
#ifdef TENSORLANE_ACCELERATE
  return "Accelerate";
#else
  return openblas_get_config();
#endif
}

}  // namespace tensorlane::cpu
