// Which kernels the OpenBLAS inside takes, where those that it would take are wrong: 0.3.34 has some for arm64's SME that give
// wrong factors of float32 matrices above 32 x 32, by a cholesky or a det. There it takes those of any arm64 processor.
#if defined(__aarch64__)
#include <sys/auxv.h>

#include <cstdlib>

namespace {

constexpr unsigned long kSme = 1UL << 23U;  // HWCAP2_SME

// Before OpenBLAS looks, whose constructor has no priority. Whoever has named others gets them.
[[gnu::constructor(101)]] void choose_kernels() {
  if ((getauxval(AT_HWCAP2) & kSme) != 0) setenv("OPENBLAS_CORETYPE", "ARMV8", 0);
}

}  // namespace
#endif
