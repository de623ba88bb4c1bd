// The worker of every operation that takes operands and gives results, whatever it computes: an Operation says what is
// read, how many bytes each result has, and what the device is to do; the worker finds the memory and settles the
// promise with the results.
//
// Results are in host memory, allocated when the work runs (see host_block.h), or in buffers of the device.
#pragma once

#include <napi.h>

#include <functional>
#include <memory>
#include <span>
#include <vector>

#include "binding/lane_worker.h"
#include "binding/operand.h"
#include "device/device.h"

namespace tensorlane {

struct Operation {
  std::vector<Input> inputs;
  std::vector<std::size_t> result_bytes;
  bool on_device = false;  // where the results go
  bool pipelines = false;  // see Task::pipelines
  std::function<void(Device& device, Lane& lane, std::span<const Operand> results)> run;
};

std::unique_ptr<LaneWorker> make_operation_worker(Napi::Env env, std::shared_ptr<Device> device,
                                                  std::shared_ptr<LanePool> pool, Operation operation);

}  // namespace tensorlane
