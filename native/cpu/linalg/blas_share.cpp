#include "cpu/linalg/blas_share.h"

#include <algorithm>
#include <chrono>
#include <condition_variable>
#include <ctime>
#include <mutex>

#include "core/cores/neighbours.h"
#include "cpu/linalg/blas.h"
#include "cpu/linalg/blas_crowding.h"

namespace tensorlane::cpu {
namespace {

// OpenBLAS has a fixed number of work buffers, and ends the process when more callers than those come at once.
constexpr unsigned kMostCallers = 32;

// A look takes as long as a small product, and some milliseconds change little.
constexpr std::chrono::milliseconds kLookEvery{20};

struct State {
  std::mutex mutex;
  std::condition_variable left;
  unsigned cores = 1;
  unsigned callers = 0;
  unsigned threads = 0;  // what OpenBLAS was told last
  BlasCrowding crowding;
  BlasShare::Left left_by_others = cores_left_by_others;
  unsigned looked_for = 0;  // so many cores, of which
  unsigned found = 0;       // so many were left at
  std::chrono::steady_clock::time_point looked_at;

  void divide(unsigned most = BlasShare::kAllCores) {
    unsigned share = std::clamp(cores / std::max(1U, callers), 1U, std::max(1U, most));
    if (share > 1) share = without_others(share, std::chrono::steady_clock::now());
    if (share == threads) return;
    threads = share;
    set_blas_threads(share);
  }

  unsigned without_others(unsigned share, std::chrono::steady_clock::time_point now) {
    if (crowding.crowded(now)) return 1;
    if (looked_for != share || now - looked_at >= kLookEvery) {
      looked_for = share;
      looked_at = now;
      found = left_by_others(share);
    }
    return found;
  }
  void forget_others() {
    crowding = {};
    looked_for = 0;
  }
};

// Never destroyed: a lane may still leave while the process ends.
State& state() {
  static auto* instance = new State;
  return *instance;
}

std::chrono::nanoseconds on_core() noexcept {
  timespec time{};
  clock_gettime(CLOCK_THREAD_CPUTIME_ID, &time);
  return std::chrono::seconds(time.tv_sec) + std::chrono::nanoseconds(time.tv_nsec);
}

}  // namespace

BlasShare::BlasShare(unsigned most_cores) {
  State& shared = state();
  std::unique_lock lock(shared.mutex);
  shared.left.wait(lock, [&shared] { return shared.callers < kMostCallers; });
  ++shared.callers;
  shared.divide(most_cores);
  on_several_ = shared.threads > 1;
  if (!on_several_) return;
  began_ = std::chrono::steady_clock::now();
  on_core_ = on_core();
}

BlasShare::~BlasShare() {
  State& shared = state();
  const auto now = std::chrono::steady_clock::now();
  const std::lock_guard lock(shared.mutex);
  if (on_several_) shared.crowding.saw(now - began_, on_core() - on_core_, now);
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
  shared.forget_others();  // whoever comes next divides anew: until then OpenBLAS has no need of threads
}

void BlasShare::set_left_by_others(Left left) {
  State& shared = state();
  const std::lock_guard lock(shared.mutex);
  shared.left_by_others = left;
  shared.forget_others();
}

}  // namespace tensorlane::cpu
