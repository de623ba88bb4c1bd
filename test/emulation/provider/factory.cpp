// What the library exports: the factory, which tells of the emulated GPUs there are, and makes providers for sessions.
#include <algorithm>
#include <string>
#include <vector>

#include "provider/memory.h"
#include "provider/provider.h"
#include "provider/streams.h"

namespace emulated_provider {
namespace {

constexpr const char* kVendorName = "tensorlane";

struct Factory final : FactoryTable {
  Factory() : FactoryTable{} {
    version = kApiVersion;
    GetName = [](const FactoryTable*) { return kName; };
    GetVendor = [](const FactoryTable*) { return kVendorName; };
    GetVendorId = [](const FactoryTable*) { return kVendor; };
    GetVersion = [](const FactoryTable*) { return "1.0.0"; };
    GetSupportedDevices = [](FactoryTable* self, const HardwareDevice* const*, std::size_t, EpDevice** devices,
                             std::size_t most, std::size_t* how_many) {
      *how_many = 0;
      return guarded([&] { static_cast<Factory*>(self)->find(devices, most, *how_many); });
    };
    CreateEp = [](FactoryTable*, const HardwareDevice* const*, const KeyValuePairs* const* metadata, std::size_t count,
                  const SessionOptions* options, const Logger*, EpTable** made) {
      return guarded([&] {
        if (count != 1) throw Failure("a session computes on one emulated device");
        *made = make_provider(std::stoi(ort().GetKeyValue(metadata[0], "device_id")), read_options(options));
      });
    };
    ReleaseEp = [](FactoryTable*, EpTable* provider) { release_provider(provider); };
    CreateAllocator = [](FactoryTable*, const MemoryInfo* info, const KeyValuePairs*, AllocatorTable** made) {
      return guarded([&] { *made = make_allocator(info); });
    };
    ReleaseAllocator = [](FactoryTable*, AllocatorTable* allocator) { release_allocator(allocator); };
    CreateDataTransfer = [](FactoryTable*, DataTransferTable** made) {
      return guarded([&] { *made = make_data_transfer(); });
    };
    IsStreamAware = [](const FactoryTable*) { return true; };
    CreateSyncStreamForDevice = [](FactoryTable*, const MemoryDevice* of, const KeyValuePairs*,
                                   SyncStreamTable** made) { return guarded([&] { *made = make_stream(of); }); };
  }

  ~Factory() {
    for (HardwareDevice* device : hardware) ort().ReleaseHardwareDevice(device);
    for (MemoryInfo* info : memory) ort().ReleaseMemoryInfo(info);
  }
  Factory(const Factory&) = delete;
  Factory& operator=(const Factory&) = delete;

  void find(EpDevice** devices, std::size_t most, std::size_t& how_many) {
    int count = 0;
    check(cudaGetDeviceCount(&count), "cudaGetDeviceCount");
    for (int device = 0; device < std::min(count, static_cast<int>(most)); ++device) {
      devices[how_many] = describe(device);
      ++how_many;
    }
  }

  EpDevice* describe(int device) {
    KeyValuePairs* metadata = nullptr;
    ort().CreateKeyValuePairs(&metadata);
    ort().AddKeyValuePair(metadata, "device_id", std::to_string(device).c_str());
    HardwareDevice* gpu = nullptr;
    EpDevice* described = nullptr;
    Status* problem =
        ort().CreateHardwareDevice(kGpu, kVendor, static_cast<std::uint32_t>(device), kVendorName, metadata, &gpu);
    if (problem == nullptr) {
      hardware.push_back(gpu);
      problem = ort().CreateEpDevice(this, gpu, metadata, nullptr, &described);
    }
    ort().ReleaseKeyValuePairs(metadata);
    check(problem);
    MemoryInfo* info = nullptr;
    check(ort().CreateMemoryInfo_V2("EmulatedCuda", kGpu, kVendor, device, kDefaultMemory, kAlignment, 0, &info));
    memory.push_back(info);  // the runtime keeps the address
    check(ort().EpDevice_AddAllocatorInfo(described, info));
    return described;
  }

  std::vector<HardwareDevice*> hardware;
  std::vector<MemoryInfo*> memory;
};

}  // namespace
}  // namespace emulated_provider

extern "C" {

// NOLINTBEGIN(readability-identifier-naming): the names that the runtime asks for
__attribute__((visibility("default"))) emulated_provider::Status* CreateEpFactories(
    const char* /*registration_name*/, const emulated_provider::ApiBase* base,
    const emulated_provider::Logger* /*logger*/, emulated_provider::FactoryTable** factories, std::size_t /*most*/,
    std::size_t* how_many) {
  using namespace emulated_provider;
  if (!read_functions(*base)) return failed("the emulated device needs ONNX Runtime 1.26 or later");
  return guarded([&] {
    factories[0] = new Factory;
    *how_many = 1;
  });
}

__attribute__((visibility("default"))) emulated_provider::Status* ReleaseEpFactory(
    emulated_provider::FactoryTable* factory) {
  delete static_cast<emulated_provider::Factory*>(factory);
  return nullptr;
}
// NOLINTEND(readability-identifier-naming)
}
