// The cores this process may run on, which in a container or under taskset are fewer than the machine has.
#pragma once

namespace tensorlane {

// At least 1.
unsigned usable_cores() noexcept;

}  // namespace tensorlane
