// What NVIDIA's management library (NVML) tells of each GPU. It comes with the driver and is found at run time, so the CPU's addon can tell, too.
//
// The rule it keeps: a call that the library lacks, or that a GPU does not take, leaves out what it would have told, and nothing else.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

namespace tensorlane {

struct GpuMemory {
  std::uint64_t total_bytes = 0;
  std::uint64_t used_bytes = 0;
};

// A part of a GPU, as MIG makes them: it is used as if it were one.
struct GpuPart {
  std::string uuid;
  std::string name;
  std::optional<GpuMemory> memory;
};

struct GpuReading {
  std::string name;
  std::string uuid;
  std::string pci_address;
  std::optional<GpuMemory> memory;
  // Of the time that the driver looked at last, at most a second: that in which a kernel ran, and in which memory was read or written. MIG has neither.
  std::optional<double> busy;
  std::optional<double> memory_busy;
  std::string
      compute_mode;  // "default", "exclusive process", "prohibited", "exclusive thread"; empty where it is not known
  std::optional<unsigned> processes;  // that compute on it
  bool mig = false;
  std::vector<GpuPart> parts;
  std::string problem;  // why it tells nothing, such as that it is lost
};

struct GpuReadings {
  std::string driver;
  std::vector<GpuReading> gpus;  // by PCI address
  std::string problem;           // why there are none; empty where there are no GPUs
};

// As Linux has it: "0000:01:00.0".
std::string pci_address(unsigned domain, unsigned bus, unsigned device);

// The library stays loaded, and initialized: for a process that was started to ask.
GpuReadings read_gpus();

}  // namespace tensorlane
