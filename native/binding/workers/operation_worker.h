// The worker of every operation that takes operands and gives results, whatever it computes: it finds the memory for
// the results, runs the operation, and settles the promise with them.
//
// Results are in host memory, allocated when the work runs (see result_block.h), or in buffers of the device.
#pragma once

#include <napi.h>

#include <memory>
#include <string>

#include "binding/workers/lane_worker.h"
#include "device/device.h"

namespace tensorlane {

// Errors: of read_operation(), and of reading JS values.
std::unique_ptr<LaneWorker> make_operation_worker(Napi::Env env, std::shared_ptr<Device> device,
                                                  std::shared_ptr<LanePool> pool, const std::string& name,
                                                  const Napi::Object& request);

}  // namespace tensorlane
