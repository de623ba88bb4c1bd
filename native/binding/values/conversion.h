// An operand of another type than its operation takes: it is converted on the operation's lane right before it, as a part of
// it, so that nothing of others comes between the two.
//
// What lies in host memory is converted there, whatever the device; what is on the device, there.
#pragma once

#include <cstddef>
#include <memory>
#include <utility>

#include "device/device.h"

namespace tensorlane {

class Conversion {
 public:
  // `place`, the operation's operand, is to be of so many bytes of the type `to`. Errors: Shape.
  Conversion(DType from, DType to, std::size_t bytes, Operand& place);

  // How many bytes it reads.
  [[nodiscard]] std::size_t least() const;
  // What it reads.
  void set_source(Operand source) { args_.a = std::move(source); }

  // On the lane's thread. Fills the place with memory that is valid as long as this. Errors: OutOfMemory, DType.
  void run(Device& device, Lane& lane);

 private:
  CastArgs args_;
  Operand* place_;
  std::unique_ptr<std::byte[]> host_;
};

}  // namespace tensorlane
