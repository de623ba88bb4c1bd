#include "cpu/linalg/blas_share.h"

#include <algorithm>
#include <condition_variable>
#include <mutex>

#include "cpu/linalg/blas.h"

namespace tensorlane::cpu {
namespace {

// OpenBLAS has a fixed number of work buffers, and ends the process when more callers than those come at once.
constexpr unsigned kMostCallers = 32;

struct State {
  std::mutex mutex;
  std::condition_variable left;
  unsigned cores = 1;
  unsigned callers = 0;
  unsigned threads = 0;  // what OpenBLAS was told last

  void divide(unsigned most = BlasShare::kAllCores) {
    const unsigned share = std::clamp(cores / std::max(1U, callers), 1U, std::max(1U, most));
    if (share == threads) return;
    threads = share;
    set_blas_threads(share);
  }
};

// Never destroyed: a lane may still leave while the process ends.
State& state() {
  static auto* instance = new State;
  return *instance;
}

}  // namespace

BlasShare::BlasShare(unsigned most_cores) {
  State& shared = state();
  std::unique_lock lock(shared.mutex);
  shared.left.wait(lock, [&shared] { return shared.callers < kMostCallers; });
  ++shared.callers;
  shared.divide(most_cores);
}

BlasShare::~BlasShare() {
  State& shared = state();
  const std::lock_guard lock(shared.mutex);
  --shared.callers;  // whoever comes next divides anew
  shared.left.notify_one();
}

unsigned BlasShare::cores() {
  State& shared = state();
  const std::lock_guard lock(shared.mutex);
  return shared.cores;
}

void BlasShare::set_cores(unsigned cores) {
  State& shared = state();
  const std::lock_guard lock(shared.mutex);
  shared.cores = std::max(1U, cores);
  shared.divide();
}

}  // namespace tensorlane::cpu
