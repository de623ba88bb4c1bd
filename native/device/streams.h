// The part of a device that works behind its lanes: a GPU has a stream a lane, the CPU computes on the lane's thread.
#pragma once

#include <cstddef>
#include <memory>

#include "core/lanes/lane_state.h"

namespace tensorlane {

class Streams {
 public:
  [[nodiscard]] virtual std::size_t default_lanes() const = 0;

  // For each lane, on its thread. Null where the device computes on the lane's own thread. Errors: OutOfMemory,
  // DeviceLost.
  virtual std::unique_ptr<LaneState> lane_state(std::size_t lane) = 0;

 protected:
  ~Streams() = default;
};

}  // namespace tensorlane
