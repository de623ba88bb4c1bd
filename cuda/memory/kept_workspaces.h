// The workspaces that lanes keep between their tasks: each its lane's own, until somebody needs the memory more.
#pragma once

#include <cuda_runtime.h>

#include <cstddef>
#include <mutex>
#include <vector>

namespace tensorlane::cuda {

struct KeptWorkspace {
  cudaStream_t stream = nullptr;  // of the lane; it is freed in its order
  void* data = nullptr;
  std::size_t bytes = 0;
};

// Safe on any thread.
class KeptWorkspaces {
 public:
  // Errors: std::bad_alloc, and it is not kept.
  void keep(const KeptWorkspace& workspace);
  // What is kept of this stream's lane, which is its again; no data where there is nothing.
  [[nodiscard]] KeptWorkspace take(cudaStream_t stream) noexcept;
  [[nodiscard]] std::vector<KeptWorkspace> take_all() noexcept;

 private:
  std::mutex mutex_;
  std::vector<KeptWorkspace> kept_;  // guarded by mutex_
};

}  // namespace tensorlane::cuda
