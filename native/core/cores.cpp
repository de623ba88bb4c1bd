#include "core/cores.h"

#include <algorithm>
#include <thread>
#ifdef __linux__
#include <sched.h>
#endif

namespace tensorlane {

unsigned usable_cores() noexcept {
#ifdef __linux__
  cpu_set_t set;
  CPU_ZERO(&set);
  if (sched_getaffinity(0, sizeof(set), &set) == 0) return std::max(1U, static_cast<unsigned>(CPU_COUNT(&set)));
#endif
  return std::max(1U, std::thread::hardware_concurrency());
}

}  // namespace tensorlane
