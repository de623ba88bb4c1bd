// The cores that this process may use, which in a container or under taskset are fewer than the machine has.
#pragma once

namespace tensorlane {

// At least 1. A limit of CPU time, as containers have it, is rounded up to whole cores.
unsigned usable_cores() noexcept;

}  // namespace tensorlane
