// The part of a device that runs kernels of the user's.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "device/memory.h"

namespace tensorlane {

// A kernel of the user's, compiled for the device.
class Kernel {
 public:
  Kernel() = default;
  Kernel(const Kernel&) = delete;
  Kernel& operator=(const Kernel&) = delete;
  virtual ~Kernel() = default;
};

struct KernelArgument {
  bool is_buffer = false;
  bool writes = false;     // a buffer that the kernel may write
  Operand operand;         // of a buffer
  std::uint64_t bits = 0;  // of a scalar: its bytes, from the lowest address on
  std::size_t size = 0;    // of a scalar, in bytes
};

struct LaunchArgs {
  std::shared_ptr<Kernel> kernel;
  unsigned grid[3] = {1, 1, 1};
  unsigned block[3] = {1, 1, 1};
  std::size_t shared_bytes = 0;
  std::vector<KernelArgument> arguments;
};

class Kernels {
 public:
  // Compiles CUDA C++. Errors: Kernel with the compiler's log, NotSupported, NoRuntime.
  virtual std::shared_ptr<Kernel> compile(Lane& lane, const std::string& source, const std::string& name,
                                          const std::vector<std::string>& options) = 0;
  virtual void launch(Lane& lane, const LaunchArgs& args) = 0;

 protected:
  ~Kernels() = default;
};

}  // namespace tensorlane
