#include "cpu/cpu_device.h"

#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <cstring>
#include <fstream>
#include <string>
#include <thread>
#include <utility>

#include "core/cores/cores.h"
#include "core/error.h"
#include "core/memory/host_block.h"
#include "core/memory/kept_memory.h"
#include "cpu/linalg/blas.h"
#include "cpu/linalg/blas_share.h"

namespace tensorlane {
namespace {

std::string cpu_name() {
  std::ifstream cpuinfo("/proc/cpuinfo");
  for (std::string line; std::getline(cpuinfo, line);) {
    if (!line.starts_with("model name")) continue;
    const std::size_t colon = line.find(": ");
    if (colon != std::string::npos) return line.substr(colon + 2);
  }
  return "CPU";
}

// Counts itself for its device.
class HostBuffer final : public Buffer {
 public:
  HostBuffer(std::size_t bytes, std::shared_ptr<BufferBytes> counter) : block_(bytes), counter_(std::move(counter)) {
    if (block_.data() == nullptr) {
      throw Error(Code::OutOfMemory, "no memory for a tensor of " + std::to_string(bytes) +
                                         " bytes; dispose of tensors that are no longer needed, or use smaller ones");
    }
    const std::uint64_t now = counter_->now += bytes;
    std::uint64_t peak = counter_->peak;
    while (peak < now && !counter_->peak.compare_exchange_weak(peak, now)) {
      // Another lane was quicker: `peak` is what it left.
    }
  }
  ~HostBuffer() override { counter_->now -= block_.bytes(); }

  [[nodiscard]] std::byte* data() const noexcept override { return static_cast<std::byte*>(block_.data()); }
  [[nodiscard]] std::size_t bytes() const noexcept override { return block_.bytes(); }
  [[nodiscard]] bool host_accessible() const noexcept override { return true; }

 private:
  HostBlock block_;
  std::shared_ptr<BufferBytes> counter_;
};

Error no_kernels(const std::string& wanted) {
  return {Code::NotSupported, "kernels need a CUDA device; the CPU device cannot " + wanted};
}

}  // namespace

DeviceInfo CpuDevice::describe() {
  DeviceInfo info;
  info.kind = "cpu";
  info.name = cpu_name();
  const long pages = sysconf(_SC_PHYS_PAGES);
  const long page = sysconf(_SC_PAGESIZE);
  if (pages > 0 && page > 0) {
    info.memory_bytes = static_cast<std::uint64_t>(pages) * static_cast<std::uint64_t>(page);
  }
  info.library = cpu::blas_name();
  info.threads = usable_cores();
  return info;
}

CpuDevice::CpuDevice(unsigned threads) : info_(describe()) {
  if (threads != 0) info_.threads = threads;
  cpu::BlasShare::set_cores(info_.threads);
}

std::shared_ptr<CpuDevice> CpuDevice::for_host_memory() {
  return std::shared_ptr<CpuDevice>(new CpuDevice(describe()));
}

std::size_t CpuDevice::default_lanes() const { return std::max(2U, info_.threads); }

MemoryStats CpuDevice::memory() {
  MemoryStats stats;
  stats.tensors = buffer_bytes_->now;
  stats.peak = buffer_bytes_->peak;
  stats.used = stats.tensors;
  stats.reserved = stats.used + KeptMemory::shared().usage().bytes;
  return stats;
}

std::unique_ptr<LaneState> CpuDevice::lane_state(std::size_t /*lane*/) { return nullptr; }

std::shared_ptr<Buffer> CpuDevice::allocate(Lane& /*lane*/, std::size_t bytes) {
  return std::make_shared<HostBuffer>(bytes, buffer_bytes_);
}

void CpuDevice::copy(Lane& /*lane*/, const Operand& from, const Operand& to) {
  const std::size_t bytes = std::min(from.bytes, to.bytes);
  if (bytes != 0) std::memmove(to.data, from.data, bytes);  // both may be parts of one buffer
}

void CpuDevice::trim(Lane& /*lane*/) {}

std::shared_ptr<Kernel> CpuDevice::compile(Lane& /*lane*/, const std::string& /*source*/, const std::string& name,
                                           const std::vector<std::string>& /*options*/) {
  throw no_kernels("compile '" + name + "'");
}

void CpuDevice::launch(Lane& /*lane*/, const LaunchArgs& /*args*/) { throw no_kernels("launch one"); }

}  // namespace tensorlane
