// The CPU as the device under test.
#include "cpu/cpu_device.h"
#include "subject.h"

namespace tensorlane::test {

const Traits& traits() {
  static const Traits all{"the CPU", {SvdDriver::Auto}, true};
  return all;
}

std::shared_ptr<Device> open_device(const SubjectOptions& options) {
  return std::make_shared<CpuDevice>(options.cores);
}

}  // namespace tensorlane::test
