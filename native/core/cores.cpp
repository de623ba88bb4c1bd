#include "core/cores.h"

#include <algorithm>
#include <cmath>
#include <thread>
#ifdef __linux__
#include <sched.h>

#include "core/cpu_quota.h"
#endif

namespace tensorlane {
namespace {

unsigned allowed_cores() noexcept {
#ifdef __linux__
  cpu_set_t set;
  CPU_ZERO(&set);
  if (sched_getaffinity(0, sizeof(set), &set) == 0) return std::max(1U, static_cast<unsigned>(CPU_COUNT(&set)));
#endif
  return std::max(1U, std::thread::hardware_concurrency());
}

}  // namespace

unsigned usable_cores() noexcept {
  const unsigned allowed = allowed_cores();
#ifdef __linux__
  if (const std::optional<double> quota = cpu_quota()) {
    return static_cast<unsigned>(std::clamp(std::ceil(*quota), 1.0, static_cast<double>(allowed)));
  }
#endif
  return allowed;
}

}  // namespace tensorlane
