// Which devices there are, of the kinds that this addon knows. It stands above all of them, and is compiled once for
// each addon, because each may have other kinds.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "device/device.h"
#include "device/model_runs.h"

namespace tensorlane {

struct DeviceOptions {
  std::string kind;  // "cpu" | "cuda"
  int index = 0;
  std::size_t lanes = 0;          // 0: the device chooses
  std::size_t high_priority = 0;  // the last so many of them
  unsigned threads = 0;           // CPU: see CpuDevice
  MemoryOptions memory;
};

struct DeviceList {
  std::vector<DeviceInfo> devices;  // the best first, the CPU last
  std::string no_cuda;              // why there is no CUDA device, with what was tried and what to install
};

DeviceList list_devices();

// Errors: NoDevice, OutOfMemory.
std::shared_ptr<Device> open_device(const DeviceOptions& options);

// Where the values of a device's models lie while they run.
RunPlace run_place(const std::shared_ptr<Device>& device);

}  // namespace tensorlane
