// What a device must be able to do, in parts: whoever needs one of them asks for that. One implementation a folder:
// native/cpu, cuda/.
#pragma once

#include "core/lanes/lane.h"
#include "device/algebra.h"
#include "device/info.h"
#include "device/kernels.h"
#include "device/memory.h"
#include "device/streams.h"
#include "device/tensor_operations.h"

namespace tensorlane {

class Device : public DeviceMemory, public Streams, public Algebra, public TensorOperations, public Kernels {
 public:
  Device() = default;
  Device(const Device&) = delete;
  Device& operator=(const Device&) = delete;
  virtual ~Device() = default;

  [[nodiscard]] virtual const DeviceInfo& info() const = 0;
};

}  // namespace tensorlane
