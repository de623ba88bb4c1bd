// For processors that have AVX2 and FMA. native/core.cmake compiles this file alone for them.
#if defined(__AVX2__) && defined(__FMA__)
#define TENSORLANE_SET avx2
#define TENSORLANE_REGISTER_BYTES 32
#include "cpu/small/instantiate.h"
#include "device/driver_table.h"

namespace tensorlane::cpu::small {

constinit const InstructionSet kAvx2{"avx2", avx2::table<float>(driver_table::kJacobiAvx2Float32),
                                     avx2::table<double>(driver_table::kJacobiAvx2Float64)};

}  // namespace tensorlane::cpu::small
#endif
