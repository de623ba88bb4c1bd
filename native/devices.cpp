#include "devices.h"

#include "core/error.h"
#include "cpu/cpu_device.h"
#ifdef TENSORLANE_WITH_CUDA
#include "cuda/cuda_device.h"
#include "cuda/onnx/model_run.h"
#endif

namespace tensorlane {

DeviceList list_devices() {
  DeviceList list;
#ifdef TENSORLANE_WITH_CUDA
  list.devices = cuda::CudaDevice::list();
  if (list.devices.empty()) list.no_cuda = cuda::CudaDevice::missing();
#else
  list.no_cuda = "this build of tensorlane has no CUDA device (npm run build:cuda makes one that has)";
#endif
  list.devices.push_back(CpuDevice::describe());
  return list;
}

std::shared_ptr<Device> open_device(const DeviceOptions& options) {
  if (options.kind == "cpu") return std::make_shared<CpuDevice>(options.threads);
#ifdef TENSORLANE_WITH_CUDA
  cuda::CudaOptions chosen;
  chosen.index = options.index;
  chosen.lanes = options.lanes;
  chosen.high_priority = options.high_priority;
  chosen.memory = options.memory;
  return std::make_shared<cuda::CudaDevice>(chosen);
#else
  throw Error(Code::NoDevice, list_devices().no_cuda);
#endif
}

RunPlace run_place(const std::shared_ptr<Device>& device) {
  RunPlace place;
#ifdef TENSORLANE_WITH_CUDA
  constexpr std::uint32_t kNvidia = 0x10DE;
  if (device->info().kind == "cuda") {
    place = {std::make_shared<cuda::CudaModelRuns>(), kNvidia, device->info().index};
    place.operations = device;
    place.host_operations = CpuDevice::for_host_memory();
    return place;
  }
#endif
  place.host_operations = device;
  return place;
}

}  // namespace tensorlane
