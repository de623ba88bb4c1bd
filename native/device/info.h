// What a device says of itself.
#pragma once

#include <cstdint>
#include <string>

namespace tensorlane {

struct DeviceInfo {
  std::string kind;  // "cpu" | "cuda"
  std::string name;
  int index = 0;
  std::uint64_t memory_bytes = 0;
  std::string library;  // who does the algebra, with its version
  unsigned threads = 1;
  std::string compute_capability;  // CUDA: "9.0"
  std::string driver;              // CUDA: the newest CUDA version that the driver supports, "13.0"
  std::string runtime;             // CUDA: the version of the runtime that is built in
  std::string pci_address;         // CUDA: as Linux has it, "0000:01:00.0"
};

}  // namespace tensorlane
