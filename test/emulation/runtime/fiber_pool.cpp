#include "runtime/fiber_pool.h"

#include <vector>

#include "runtime/state.h"

namespace emulation {

namespace {

constexpr std::size_t kMost = 1024;

// Under the lock.
std::vector<Fiber*> resting;
std::vector<Fiber*> rested;

}  // namespace

bool rest_fiber(Fiber& fiber) {
  const Quiet quiet;
  if (resting.size() + rested.size() >= kMost) return false;
  resting.push_back(&fiber);
  return true;
}

Fiber* rested_fiber() {
  const Quiet quiet;
  if (rested.empty()) return nullptr;
  Fiber* const fiber = rested.back();
  rested.pop_back();
  return fiber;
}

void wake_fibers_if_nothing_lives() {
  const State& all = state();
  if (resting.empty() || !all.allocations.empty() || !all.pending_frees.empty() || !all.pinned.empty()) return;
  rested.insert(rested.end(), resting.begin(), resting.end());
  resting.clear();
}

}  // namespace emulation
