// The cores that this process may use, which in a container or under taskset are fewer than the machine has.
// The calling thread's may be fewer yet: a thread that is bound to some, and those that it makes. Those of the process are its main thread's.
#pragma once

#include <vector>

namespace tensorlane {

// At least 1. A limit of CPU time, as containers have it, is rounded up to whole cores.
unsigned usable_cores() noexcept;

// The cores that the calling thread may run on, ascending; none where the system does not tell.
std::vector<int> thread_cores();

// Binds the calling thread to these, and so all that it makes from then on. Errors: Argument, where there is one that the process may not
// run on; NotSupported, where the system cannot.
void bind_thread(const std::vector<int>& cores);

// For a thread that helps others, and was made by one that may be bound: all cores of the process again.
void unbind_thread() noexcept;

}  // namespace tensorlane
