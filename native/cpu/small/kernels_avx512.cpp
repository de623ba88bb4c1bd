// For processors that have AVX-512 F, DQ and VL. native/core.cmake compiles this file alone for them.
#if defined(__AVX512F__) && defined(__AVX512DQ__) && defined(__AVX512VL__)
#define TENSORLANE_SET avx512
#define TENSORLANE_REGISTER_BYTES 64
#include "cpu/small/instantiate.h"
#include "device/driver_table.h"

namespace tensorlane::cpu::small {

constinit const InstructionSet kAvx512{"avx512", avx512::table<float>(driver_table::kJacobiAvx512Float32),
                                       avx512::table<double>(driver_table::kJacobiAvx512Float64)};

}  // namespace tensorlane::cpu::small
#endif
