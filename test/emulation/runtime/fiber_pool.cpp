#include "runtime/fiber_pool.h"

#include <vector>

#include "runtime/sanitizers.h"
#include "runtime/state.h"

namespace emulation {

namespace {

constexpr std::size_t kMost = kThreadSanitizer ? 1024 : 4096;

struct Pool {
  std::vector<Fiber*> resting;
  std::vector<Fiber*> rested;
};

// Under the lock. Never destroyed: streams may end after the program's static objects.
Pool& pool() {
  static auto& one = *new Pool;
  return one;
}

}  // namespace

bool rest_fiber(Fiber& fiber) {
  const Quiet quiet;
  auto& [resting, rested] = pool();
  if (resting.size() + rested.size() >= kMost) return false;
  (kThreadSanitizer ? resting : rested).push_back(&fiber);
  return true;
}

Fiber* rested_fiber() {
  const Quiet quiet;
  auto& rested = pool().rested;
  if (rested.empty()) return nullptr;
  Fiber* const fiber = rested.back();
  rested.pop_back();
  return fiber;
}

void wake_fibers_if_nothing_lives() {
  const State& all = state();
  auto& [resting, rested] = pool();
  if (resting.empty() || !all.allocations.empty() || !all.pending_frees.empty() || !all.pinned.empty()) return;
  rested.insert(rested.end(), resting.begin(), resting.end());
  resting.clear();
}

}  // namespace emulation
