#include "cpu/cpu_device.h"

#include <cblas.h>
#include <sched.h>
#include <unistd.h>

#include <algorithm>
#include <fstream>
#include <string>
#include <thread>

#include "cpu/blas_share.h"

namespace tensorlane {
namespace {

// The cores this process may run on, which in a container or under taskset are fewer than the machine has.
unsigned usable_cores() {
#ifdef __linux__
  cpu_set_t set;
  CPU_ZERO(&set);
  if (sched_getaffinity(0, sizeof(set), &set) == 0) return std::max(1U, static_cast<unsigned>(CPU_COUNT(&set)));
#endif
  return std::max(1U, std::thread::hardware_concurrency());
}

std::string cpu_name() {
  std::ifstream cpuinfo("/proc/cpuinfo");
  for (std::string line; std::getline(cpuinfo, line);) {
    if (!line.starts_with("model name")) continue;
    const std::size_t colon = line.find(": ");
    if (colon != std::string::npos) return line.substr(colon + 2);
  }
  return "CPU";
}

}  // namespace

DeviceInfo CpuDevice::describe() {
  DeviceInfo info;
  info.kind = "cpu";
  info.name = cpu_name();
  const long pages = sysconf(_SC_PHYS_PAGES);
  const long page = sysconf(_SC_PAGESIZE);
  if (pages > 0 && page > 0) {
    info.memory_bytes = static_cast<std::uint64_t>(pages) * static_cast<std::uint64_t>(page);
  }
  info.library = openblas_get_config();
  info.threads = usable_cores();
  return info;
}

CpuDevice::CpuDevice(unsigned threads) : info_(describe()) {
  if (threads != 0) info_.threads = threads;
  BlasShare::set_cores(info_.threads);
}

std::size_t CpuDevice::default_lanes() const { return std::max(2U, info_.threads); }

}  // namespace tensorlane
