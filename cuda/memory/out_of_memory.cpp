#include "cuda/memory/out_of_memory.h"

#include <algorithm>

#include "cuda/memory/readable_bytes.h"

namespace tensorlane::cuda {

std::string out_of_memory_text(int device, std::uint64_t asked, const PoolStats& pool,
                               const std::optional<SystemMemory>& system) {
  const Usage& usage = pool.usage;
  std::string text = "CUDA device " + std::to_string(device) + " is out of memory: " + readable_bytes(asked) + " (" +
                     std::to_string(asked) + " bytes) were asked for";
  if (system.has_value()) {
    text += "; " + readable_bytes(system->free) + " of " + readable_bytes(system->total) + " are free on the device";
  }
  if (pool.limit != 0) {
    text += "; of its limit of " + readable_bytes(pool.limit) + ", " +
            readable_bytes(pool.limit - std::min(pool.limit, usage.used)) + " are left";
  } else {
    text += "; it has no limit";
  }
  text += "; in use: " + readable_bytes(usage.tensors) + " by tensors, " + readable_bytes(usage.workspaces) +
          " by workspaces, " + readable_bytes(usage.operations) + " by operations in flight; " +
          readable_bytes(pool.reserved - std::min(pool.reserved, usage.used)) + " kept for reuse";
  if (system.has_value()) {
    const std::uint64_t known = std::min(system->total, system->free + std::max(pool.reserved, usage.used));
    text += "; " + readable_bytes(system->total - known) + " taken by others (processes, libraries, the driver)";
  }
  text += ". Dispose of tensors that are no longer needed, use smaller batches or fewer lanes";
  if (pool.limit != 0) text += ", or raise the limit";
  return text;
}

}  // namespace tensorlane::cuda
