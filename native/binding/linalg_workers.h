// The workers of the linear-algebra operations. Sizes are checked against the buffers here, once more than in lib/,
// because a wrong one would be a wild write.
#pragma once

#include <napi.h>

#include <memory>

#include "binding/lane_worker.h"
#include "device.h"

namespace tensorlane {

// Each takes the options object that binding.d.ts describes. Errors: Argument, Shape, DType.
std::unique_ptr<LaneWorker> make_svd_worker(Napi::Env env, std::shared_ptr<Device> device, const Napi::Object& options);
std::unique_ptr<LaneWorker> make_matmul_worker(Napi::Env env, std::shared_ptr<Device> device,
                                               const Napi::Object& options);
std::unique_ptr<LaneWorker> make_solve_worker(Napi::Env env, std::shared_ptr<Device> device,
                                              const Napi::Object& options);

}  // namespace tensorlane
