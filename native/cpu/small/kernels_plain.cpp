// What every processor that this is compiled for can run: SSE2 on x86-64, NEON on arm64.
#define TENSORLANE_SET plain
#define TENSORLANE_REGISTER_BYTES 16
#include "cpu/small/instantiate.h"
#include "device/driver_table.h"

namespace tensorlane::cpu::small {

constinit const InstructionSet kPlain{"plain", plain::table<float>(driver_table::kJacobiPlainFloat32),
                                      plain::table<double>(driver_table::kJacobiPlainFloat64)};

}  // namespace tensorlane::cpu::small
