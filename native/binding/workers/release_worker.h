// Lets go of a resource on a lane, because that takes time: freeing a buffer calls the driver, and ONNX Runtime takes
// milliseconds to free a large model. The promise is settled when it is gone.
#pragma once

#include <memory>
#include <utility>

#include "binding/workers/lane_worker.h"

namespace tensorlane {

template <typename Resource>
class ReleaseWorker final : public LaneWorker {
 public:
  ReleaseWorker(Napi::Env env, std::shared_ptr<Resource> resource, bool takes_little = false)
      : LaneWorker(env), resource_(std::move(resource)), takes_little_(takes_little) {}
  [[nodiscard]] bool needs_device() const noexcept override { return false; }

 private:
  [[nodiscard]] bool takes_little() const noexcept override { return takes_little_; }
  void Execute(Lane& /*lane*/) override { resource_.reset(); }

  std::shared_ptr<Resource> resource_;
  bool takes_little_;
};

}  // namespace tensorlane
