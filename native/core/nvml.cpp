#include "core/nvml.h"

#include <dlfcn.h>

#include <array>
#include <cstdio>
#include <utility>

namespace tensorlane {

namespace {

constexpr const char* kLibrary = "libnvidia-ml.so.1";

// nvml.h's; these have not changed since their versions were made.
using Gpu = void*;
using Result = int;
constexpr Result kSuccess = 0;
constexpr Result kInsufficientSize = 7;
constexpr Result kVersionMismatch = 18;

struct Utilization {
  unsigned gpu;
  unsigned memory;
};

struct Memory {
  unsigned long long total;
  unsigned long long free;
  unsigned long long used;
};

struct PciInfo {
  std::array<char, 16> legacy_bus_id;
  unsigned domain;
  unsigned bus;
  unsigned device;
  unsigned device_id;
  unsigned subsystem_id;
  std::array<char, 32> bus_id;
};

using Text = std::array<char, 96>;

class Library {
 public:
  static Library& only() {
    static Library library;
    return library;
  }

  GpuReadings read() {
    GpuReadings found;
    found.problem = problem_;
    if (!found.problem.empty()) return found;
    Text driver{};
    if (call<char*, unsigned>("nvmlSystemGetDriverVersion", driver.data(), size_of(driver)) == kSuccess) {
      found.driver = driver.data();
    }
    unsigned count = 0;
    const Result result = call<unsigned*>("nvmlDeviceGetCount_v2", &count);
    if (result != kSuccess) found.problem = failure("nvmlDeviceGetCount_v2", result);
    for (unsigned i = 0; i < count; ++i) found.gpus.push_back(read_gpu(i));
    return found;
  }

 private:
  Library() {
    handle_ = dlopen(kLibrary, RTLD_NOW | RTLD_LOCAL);
    if (handle_ == nullptr) {
      const char* why = dlerror();
      problem_ =
          "the management library of NVIDIA's driver cannot be loaded: " + std::string(why != nullptr ? why : kLibrary);
      return;
    }
    const Result result = call<>("nvmlInit_v2");
    if (result != kSuccess) problem_ = failure("nvmlInit_v2", result);
  }

  static unsigned size_of(const Text& text) { return static_cast<unsigned>(text.size() - 1); }

  // kMissing where the library has no such function.
  template <typename... Args>
  Result call(const char* name, Args... args) const {
    const auto function = reinterpret_cast<Result (*)(Args...)>(dlsym(handle_, name));
    return function == nullptr ? kMissing : function(args...);
  }

  [[nodiscard]] std::string failure(const char* name, Result result) const {
    const std::string start = std::string(name) + " of " + kLibrary;
    if (result == kMissing) return start + " is missing: the driver is too old, or the library is another";
    const auto words = reinterpret_cast<const char* (*)(Result)>(dlsym(handle_, "nvmlErrorString"));
    const char* text = words == nullptr ? nullptr : words(result);
    std::string message = start + ": " + (text != nullptr ? text : "error " + std::to_string(result));
    if (result == kVersionMismatch) {
      message += "; the driver was updated while its kernel module ran: restart the machine, or load the module anew";
    }
    return message;
  }

  [[nodiscard]] std::optional<GpuMemory> memory_of(Gpu device) const {
    Memory memory{};
    if (call<Gpu, Memory*>("nvmlDeviceGetMemoryInfo", device, &memory) != kSuccess) return std::nullopt;
    return GpuMemory{memory.total, memory.used};
  }

  [[nodiscard]] std::string text_of(const char* name, Gpu device) const {
    Text text{};
    const Result result = call<Gpu, char*, unsigned>(name, device, text.data(), size_of(text));
    return result == kSuccess ? text.data() : "";
  }

  [[nodiscard]] GpuReading read_gpu(unsigned index) const {
    GpuReading gpu;
    Gpu device = nullptr;
    const Result result = call<unsigned, Gpu*>("nvmlDeviceGetHandleByIndex_v2", index, &device);
    if (result != kSuccess) {
      gpu.problem = failure("nvmlDeviceGetHandleByIndex_v2", result);
      return gpu;
    }
    gpu.name = text_of("nvmlDeviceGetName", device);
    gpu.uuid = text_of("nvmlDeviceGetUUID", device);
    gpu.pci_address = pci_address_of(device);
    gpu.memory = memory_of(device);
    Utilization busy{};
    if (call<Gpu, Utilization*>("nvmlDeviceGetUtilizationRates", device, &busy) == kSuccess) {
      gpu.busy = busy.gpu / 100.0;
      gpu.memory_busy = busy.memory / 100.0;
    }
    gpu.compute_mode = compute_mode_of(device);
    gpu.processes = processes_of(device);
    unsigned now = 0;
    unsigned after_restart = 0;
    gpu.mig =
        call<Gpu, unsigned*, unsigned*>("nvmlDeviceGetMigMode", device, &now, &after_restart) == kSuccess && now == 1;
    if (gpu.mig) gpu.parts = parts_of(device);
    return gpu;
  }

  [[nodiscard]] std::string pci_address_of(Gpu device) const {
    PciInfo pci{};
    if (call<Gpu, PciInfo*>("nvmlDeviceGetPciInfo_v3", device, &pci) != kSuccess) return {};
    return pci_address(pci.domain, pci.bus, pci.device);
  }

  [[nodiscard]] std::string compute_mode_of(Gpu device) const {
    int mode = 0;
    if (call<Gpu, int*>("nvmlDeviceGetComputeMode", device, &mode) != kSuccess) return {};
    constexpr std::array<const char*, 4> names{"default", "exclusive thread", "prohibited", "exclusive process"};
    return mode >= 0 && mode < static_cast<int>(names.size()) ? names[static_cast<std::size_t>(mode)] : "";
  }

  [[nodiscard]] std::optional<unsigned> processes_of(Gpu device) const {
    unsigned count = 0;
    // With room for none it tells how many there are.
    const Result result =
        call<Gpu, unsigned*, void*>("nvmlDeviceGetComputeRunningProcesses_v3", device, &count, nullptr);
    if (result != kSuccess && result != kInsufficientSize) return std::nullopt;
    return count;
  }

  [[nodiscard]] std::vector<GpuPart> parts_of(Gpu device) const {
    std::vector<GpuPart> parts;
    unsigned most = 0;
    if (call<Gpu, unsigned*>("nvmlDeviceGetMaxMigDeviceCount", device, &most) != kSuccess) return parts;
    for (unsigned i = 0; i < most; ++i) {
      Gpu part = nullptr;
      // Places may be free.
      if (call<Gpu, unsigned, Gpu*>("nvmlDeviceGetMigDeviceHandleByIndex", device, i, &part) != kSuccess) continue;
      parts.push_back({text_of("nvmlDeviceGetUUID", part), text_of("nvmlDeviceGetName", part), memory_of(part)});
    }
    return parts;
  }

  static constexpr Result kMissing = -1;
  void* handle_ = nullptr;
  std::string problem_;
};

}  // namespace

std::string pci_address(unsigned domain, unsigned bus, unsigned device) {
  std::array<char, 32> text{};
  std::snprintf(text.data(), text.size(), "%04x:%02x:%02x.0", domain, bus, device);
  return text.data();
}

GpuReadings read_gpus() { return Library::only().read(); }

}  // namespace tensorlane
