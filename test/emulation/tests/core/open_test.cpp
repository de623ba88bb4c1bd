#include <doctest/doctest.h>

#include "support/fault_sweep.h"
#include "support/rig.h"

using namespace tensorlane;
using namespace tensorlane::cuda;
using namespace tensorlane::cuda::testing;

TEST_CASE("a device tells what it is") {
  const auto devices = CudaDevice::list();
  REQUIRE(devices.size() == 1);
  CHECK(CudaDevice::missing().empty());
  Rig rig;
  const DeviceInfo& info = rig.device().info();
  CHECK(info.kind == "cuda");
  CHECK_FALSE(info.name.empty());
  CHECK(info.index == 0);
  CHECK(info.memory_bytes == emulation::config().memory_bytes);
  CHECK(info.compute_capability == "9.0");
  CHECK(info.pci_address == "0000:01:00.0");
  CHECK(info.driver == "13.0");
  CHECK(info.runtime == "13.0");
  CHECK_FALSE(info.library.empty());
  CHECK(rig.device().default_lanes() == 4);
}

TEST_CASE("where there is no device the reason is told") {
  emulation::Config& config = emulation::config();
  const emulation::Config usual = config;
  std::string message;
  config.devices = 0;
  CHECK(CudaDevice::list().empty());
  CHECK(CudaDevice::missing().find("finds no GPU") != std::string::npos);
  CHECK(code_of([] { CudaDevice device({}); }, &message) == Code::NoDevice);
  CHECK(message.find("finds no GPU") != std::string::npos);
  config.driver_version = 0;
  CHECK(CudaDevice::missing().find("no NVIDIA driver") != std::string::npos);
  config.driver_version = 11080;
  CHECK_MESSAGE(CudaDevice::missing().find("up to 11.8") != std::string::npos, CudaDevice::missing());
  config = usual;
  CHECK(code_of([] { CudaDevice device({.index = 3}); }, &message) == Code::NoDevice);
  CHECK_MESSAGE(message.find("expected 0 to 0") != std::string::npos, message);
}

TEST_CASE("several devices, each for itself") {
  emulation::config().devices = 3;
  {
    CHECK(CudaDevice::list().size() == 3);
    Rig first;
    Rig third({.index = 2});
    int device = -1;
    third.run([&](Lane&) { check(cudaGetDevice(&device), "cudaGetDevice"); });
    CHECK(device == 2);
    // One that is lost does not disturb the other.
    emulation::fail_device(2, cudaErrorECCUncorrectable);
    CHECK(code_of([&] { third.run([](Lane& lane) { static_cast<void>(CudaLane::of(lane).temporary(64)); }); }) ==
          Code::DeviceLost);
    CHECK_FALSE(code_of([&] {
                  first.run([](Lane& lane) { static_cast<void>(CudaLane::of(lane).temporary(64)); });
                }).has_value());
    emulation::reset_errors();
  }
  emulation::config().devices = 1;
}

TEST_CASE("every call of opening a device may fail") {
  std::uint64_t calls = 0;
  {
    const std::uint64_t first = emulation::calls();
    Rig rig;
    rig.close();
    calls = emulation::calls() - first;
  }
  for (const FaultKind& kind : kFaultKinds) {
    for (std::uint64_t nth = 1; nth <= calls; ++nth) {
      const std::string name = kind.name;
      CAPTURE(name);
      CAPTURE(nth);
      const emulation::Live before = alive();
      emulation::plan_fault("", nth, kind.error);
      std::string message;
      static_cast<void>(code_of([] { Rig rig; }, &message));  // an Error or success; anything else ends the test
      emulation::clear_faults();
      CAPTURE(message);
      if (kind.loses) {
        check_at_most_one_leaked(before);
      } else {
        check_nothing_leaked(before);
      }
    }
  }
  CHECK_FALSE(code_of([] { Rig rig; }).has_value());
}
