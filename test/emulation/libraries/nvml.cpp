// The emulated management library (NVML). It looks at nothing: what it tells is what EMULATION_NVML says, words of the form name=value with
// semicolons between, so that it can be built, and lied with, by itself:
//
//   busy=20,80          percent of the time, of one reading after the other, over and over; GPU i begins at the i-th
//   used=1073741824     bytes in use, of the 16 GiB that there are
//   mode=3              the compute mode
//   processes=2         that compute
//   mig=2               so many parts; then it tells no utilisation, as a real one does
//   fail=FUNCTION:18    that function gives that error
//   without=FUNCTION    that function does nothing but say that it is not supported
//   lost=1              the GPU of that number has fallen off the bus
//
// EMULATION_DEVICES is the number of GPUs, as of the emulated runtime, whose PCI addresses they have. A function that is to be missing
// is left out by the compiler: -DWITHOUT_nvmlInit_v2.
#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <map>
#include <string>

namespace {

using Result = int;
constexpr Result kSuccess = 0;
constexpr Result kUninitialized = 1;
constexpr Result kInvalid = 2;
constexpr Result kNotSupported = 3;
constexpr Result kNotFound = 6;
constexpr Result kInsufficientSize = 7;
constexpr Result kLost = 15;

constexpr unsigned kMostParts = 7;

struct Device {
  unsigned index = 0;
  int part = -1;  // of MIG; else the whole
  unsigned readings = 0;
};

bool initialized = false;
std::map<unsigned, Device> devices;
std::map<unsigned, Device> parts;

std::string word(const std::string& name) {
  const char* all = std::getenv("EMULATION_NVML");
  const std::string text = all == nullptr ? "" : all;
  std::size_t at = 0;
  while (at < text.size()) {
    const std::size_t end = std::min(text.find(';', at), text.size());
    const std::string one = text.substr(at, end - at);
    if (one.rfind(name + "=", 0) == 0) return one.substr(name.size() + 1);
    at = end + 1;
  }
  return {};
}

unsigned number(const std::string& name, unsigned otherwise) {
  const std::string value = word(name);
  return value.empty() ? otherwise : static_cast<unsigned>(std::strtoul(value.c_str(), nullptr, 10));
}

unsigned device_count() {
  const char* value = std::getenv("EMULATION_DEVICES");
  return value == nullptr || *value == '\0' ? 1 : static_cast<unsigned>(std::atoi(value));
}

// What the function gives where it is to fail; what it needs else.
Result failure(const char* function) {
  const std::string fail = word("fail");
  const std::size_t colon = fail.find(':');
  if (fail.substr(0, colon) == function) return std::atoi(fail.c_str() + colon + 1);
  if (word("without") == function) return kNotSupported;
  return initialized || std::strcmp(function, "nvmlInit_v2") == 0 ? kSuccess : kUninitialized;
}

Result copy(const std::string& text, char* to, unsigned length) {
  if (text.size() + 1 > length) return kInsufficientSize;
  std::memcpy(to, text.c_str(), text.size() + 1);
  return kSuccess;
}

std::string numbered(const Device& device, const char* whole, const char* part) {
  char text[96];
  std::snprintf(text, sizeof(text), device.part < 0 ? whole : part, device.index, device.part);
  return text;
}

}  // namespace

struct Utilization {
  unsigned gpu, memory;
};
struct Memory {
  unsigned long long total, free, used;
};
struct PciInfo {
  char legacy_bus_id[16];
  unsigned domain, bus, device, device_id, subsystem_id;
  char bus_id[32];
};

#define ENTRY(name, ...)                                                      \
  extern "C" __attribute__((visibility("default"))) Result name(__VA_ARGS__); \
  Result name(__VA_ARGS__)
#define BEGIN(name) \
  if (const Result failed = failure(name); failed != kSuccess) return failed

#ifndef WITHOUT_nvmlInit_v2
ENTRY(nvmlInit_v2) {
  BEGIN("nvmlInit_v2");
  initialized = true;
  return kSuccess;
}
#endif

extern "C" __attribute__((visibility("default"))) const char* nvmlErrorString(Result result);
const char* nvmlErrorString(Result result) {
  switch (result) {
    case 9:
      return "Driver Not Loaded";
    case kLost:
      return "GPU is lost";
    case 18:
      return "Driver/library version mismatch";
    default:
      return "Unknown Error";
  }
}

ENTRY(nvmlSystemGetDriverVersion, char* version, unsigned length) {
  BEGIN("nvmlSystemGetDriverVersion");
  return copy("580.0.emulated", version, length);
}

#ifndef WITHOUT_nvmlDeviceGetCount_v2
ENTRY(nvmlDeviceGetCount_v2, unsigned* count) {
  BEGIN("nvmlDeviceGetCount_v2");
  *count = device_count();
  return kSuccess;
}
#endif

ENTRY(nvmlDeviceGetHandleByIndex_v2, unsigned index, Device** device) {
  BEGIN("nvmlDeviceGetHandleByIndex_v2");
  if (index >= device_count()) return kInvalid;
  if (word("lost") == std::to_string(index)) return kLost;
  devices[index].index = index;
  *device = &devices[index];
  return kSuccess;
}

ENTRY(nvmlDeviceGetName, Device* device, char* name, unsigned length) {
  BEGIN("nvmlDeviceGetName");
  return copy(numbered(*device, "Emulated CUDA device %u", "Emulated CUDA device %u MIG 1g.2gb"), name, length);
}

ENTRY(nvmlDeviceGetUUID, Device* device, char* uuid, unsigned length) {
  BEGIN("nvmlDeviceGetUUID");
  return copy(numbered(*device, "GPU-emulated-%u", "MIG-emulated-%u-%d"), uuid, length);
}

ENTRY(nvmlDeviceGetPciInfo_v3, Device* device, PciInfo* pci) {
  BEGIN("nvmlDeviceGetPciInfo_v3");
  *pci = {};
  pci->bus = device->index + 1;
  return kSuccess;
}

ENTRY(nvmlDeviceGetMemoryInfo, Device* device, Memory* memory) {
  BEGIN("nvmlDeviceGetMemoryInfo");
  const unsigned long long total = device->part < 0 ? 16ULL << 30U : 2ULL << 30U;
  const std::string used = word("used");
  memory->total = total;
  memory->used = std::min(total, used.empty() ? 1ULL << 30U : std::strtoull(used.c_str(), nullptr, 10));
  memory->free = total - memory->used;
  return kSuccess;
}

#ifndef WITHOUT_nvmlDeviceGetUtilizationRates
ENTRY(nvmlDeviceGetUtilizationRates, Device* device, Utilization* utilization) {
  BEGIN("nvmlDeviceGetUtilizationRates");
  if (number("mig", 0) > 0 || device->part >= 0) return kNotSupported;
  const std::string busy = word("busy");
  unsigned count = busy.empty() ? 0 : 1;
  for (const char one : busy) count += one == ',' ? 1 : 0;
  utilization->memory = 5;
  utilization->gpu = 0;
  if (count == 0) return kSuccess;
  std::size_t at = 0;
  for (unsigned i = (device->index + device->readings++) % count; i > 0; --i) at = busy.find(',', at) + 1;
  utilization->gpu = static_cast<unsigned>(std::atoi(busy.c_str() + at));
  return kSuccess;
}
#endif

ENTRY(nvmlDeviceGetComputeMode, Device*, int* mode) {
  BEGIN("nvmlDeviceGetComputeMode");
  *mode = static_cast<int>(number("mode", 0));
  return kSuccess;
}

ENTRY(nvmlDeviceGetComputeRunningProcesses_v3, Device*, unsigned* count, void*) {
  BEGIN("nvmlDeviceGetComputeRunningProcesses_v3");
  const unsigned room = *count;
  *count = number("processes", 0);
  return *count > room ? kInsufficientSize : kSuccess;
}

#ifndef WITHOUT_nvmlDeviceGetMigMode
ENTRY(nvmlDeviceGetMigMode, Device*, unsigned* now, unsigned* after_restart) {
  BEGIN("nvmlDeviceGetMigMode");
  *now = number("mig", 0) > 0 ? 1 : 0;
  *after_restart = *now;
  return kSuccess;
}
#endif

ENTRY(nvmlDeviceGetMaxMigDeviceCount, Device*, unsigned* count) {
  BEGIN("nvmlDeviceGetMaxMigDeviceCount");
  *count = kMostParts;
  return kSuccess;
}

// Every other place is free, as places are between parts that are larger.
ENTRY(nvmlDeviceGetMigDeviceHandleByIndex, Device* device, unsigned index, Device** part) {
  BEGIN("nvmlDeviceGetMigDeviceHandleByIndex");
  if (index % 2 != 0 || index / 2 >= number("mig", 0)) return kNotFound;
  Device& found = parts[device->index * kMostParts + index];
  found.index = device->index;
  found.part = static_cast<int>(index / 2);
  *part = &found;
  return kSuccess;
}
