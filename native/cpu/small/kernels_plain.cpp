// What every processor that this is compiled for can run: SSE2 on x86-64, NEON on arm64.
#define TENSORLANE_SET plain
#define TENSORLANE_REGISTER_BYTES 16
#include "cpu/small/instantiate.h"

namespace tensorlane::cpu::small {

constinit const InstructionSet kPlain{"plain", plain::table<float>(kMostSvd), plain::table<double>(kMostSvd)};

}  // namespace tensorlane::cpu::small
