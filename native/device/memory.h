// The part of a device that holds memory: buffers that outlive the operations that made them, and operands, which lie
// in one of them or in host memory. For the CPU these are the same.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>

namespace tensorlane {

class Lane;

// How a device with memory of its own takes it.
struct MemoryOptions {
  std::uint64_t limit_bytes = 0;  // 0: no limit
  double fraction = 0;            // of the device's whole memory; 0: no limit. The smaller of both counts
  bool growth = true;             // take memory as it is needed; false: the limit at once, and keep it
};

// Memory of a device, in bytes.
struct MemoryStats {
  std::uint64_t limit = 0;        // what this device may hold; 0: as much as there is
  std::uint64_t used = 0;         // in tensors and operations
  std::uint64_t peak = 0;         // the most that was used at once
  std::uint64_t reserved = 0;     // taken from the system: what is used, and what is kept for the next use
  std::uint64_t tensors = 0;      // of `used`: in buffers that callers hold
  std::uint64_t workspaces = 0;   // of `used`: kept by lanes
  std::uint64_t pinned = 0;       // host memory for staging, taken from the system
  std::uint64_t pinned_used = 0;  // of it: in use
};

// Memory of a device that outlives the operation that made it. Freed after its last use, whoever destroys it and when.
class Buffer {
 public:
  Buffer() = default;
  Buffer(const Buffer&) = delete;
  Buffer& operator=(const Buffer&) = delete;
  virtual ~Buffer() = default;

  // For a GPU an address that host code must not touch.
  [[nodiscard]] virtual std::byte* data() const noexcept = 0;
  [[nodiscard]] virtual std::size_t bytes() const noexcept = 0;
  // Whether host code may touch it.
  [[nodiscard]] virtual bool host_accessible() const noexcept { return false; }
};

struct Operand {
  std::byte* data = nullptr;  // of host memory, or within `buffer`; inputs are only read
  std::size_t bytes = 0;
  std::shared_ptr<Buffer> buffer;  // null: host memory
};

class DeviceMemory {
 public:
  [[nodiscard]] virtual MemoryStats memory() = 0;

  // Memory for a tensor, usable on this lane now and on others after what made it here. Errors: OutOfMemory.
  virtual std::shared_ptr<Buffer> allocate(Lane& lane, std::size_t bytes) = 0;
  // Copies between host memory and a buffer, or between buffers; as many bytes as both have. Errors: OutOfMemory.
  virtual void copy(Lane& lane, const Operand& from, const Operand& to) = 0;
  // Gives back to the system what is kept for reuse.
  virtual void trim(Lane& lane) = 0;

 protected:
  ~DeviceMemory() = default;
};

}  // namespace tensorlane
