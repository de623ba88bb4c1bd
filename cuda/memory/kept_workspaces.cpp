#include "cuda/memory/kept_workspaces.h"

#include <algorithm>
#include <utility>

namespace tensorlane::cuda {

void KeptWorkspaces::keep(const KeptWorkspace& workspace) {
  const std::lock_guard lock(mutex_);
  kept_.push_back(workspace);
}

KeptWorkspace KeptWorkspaces::take(cudaStream_t stream) noexcept {
  const std::lock_guard lock(mutex_);
  const auto found = std::ranges::find(kept_, stream, &KeptWorkspace::stream);
  if (found == kept_.end()) return {};
  const KeptWorkspace workspace = *found;
  kept_.erase(found);
  return workspace;
}

std::vector<KeptWorkspace> KeptWorkspaces::take_all() noexcept {
  const std::lock_guard lock(mutex_);
  return std::exchange(kept_, {});
}

}  // namespace tensorlane::cuda
