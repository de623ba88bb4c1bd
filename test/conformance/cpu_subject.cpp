// The CPU as the device under test.
#include <algorithm>
#include <limits>
#include <memory>

#include "cpu/cpu_device.h"
#include "subject.h"

namespace tensorlane::test {

const Traits& traits() {
  static const Traits all{"the CPU", {SvdDriver::Auto}, true};
  return all;
}

std::shared_ptr<Device> open_device(const SubjectOptions& options) {
#ifdef __SANITIZE_THREAD__
  // OpenBLAS is not instrumented: what its threads write for one another looks as if it were written without order. How
  // operations share the cores has tests of its own.
  constexpr unsigned kMostCores = 1;
#else
  constexpr unsigned kMostCores = std::numeric_limits<unsigned>::max();
#endif
  return std::make_shared<CpuDevice>(std::min(options.cores, kMostCores));
}

}  // namespace tensorlane::test
