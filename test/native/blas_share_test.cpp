// The cores that OpenBLAS's callers get.

#include "cpu/linalg/blas_share.h"

#include <cblas.h>
#include <doctest/doctest.h>

#include <atomic>
#include <chrono>
#include <memory>
#include <thread>
#include <vector>

using tensorlane::cpu::BlasShare;

namespace {

// Leaves the process with one core, as the other tests expect nothing in particular.
struct Cores {
  explicit Cores(unsigned cores) { BlasShare::set_cores(cores); }
  Cores(const Cores&) = delete;
  Cores& operator=(const Cores&) = delete;
  ~Cores() { BlasShare::set_cores(1); }
};

}  // namespace

TEST_CASE("a caller that is alone gets all cores, several share them, and nobody gets none") {
  const Cores cores(2);
  {
    const BlasShare alone;
    CHECK_MESSAGE(openblas_get_num_threads() == 2, "alone");
    {
      const BlasShare second;
      CHECK_MESSAGE(openblas_get_num_threads() == 1, "the second of two");
      const BlasShare third;
      CHECK_MESSAGE(openblas_get_num_threads() == 1, "the third on two cores");
    }
  }
  const BlasShare next;
  CHECK_MESSAGE(openblas_get_num_threads() == 2, "alone again");
}

TEST_CASE("a caller gets no more cores than it can use, and the next one is not bound by that") {
  const Cores cores(4);
  {
    const BlasShare small(1);
    CHECK_MESSAGE(openblas_get_num_threads() == 1, "one that can use one core");
    const BlasShare large;
    CHECK_MESSAGE(openblas_get_num_threads() == 2, "one that can use all, beside it");
  }
  const BlasShare most(3);
  CHECK_MESSAGE(openblas_get_num_threads() == 3, "one that can use three of four");
}

TEST_CASE("more callers than OpenBLAS has buffers for wait for their turn") {
  const Cores cores(1);
  std::vector<std::unique_ptr<BlasShare>> held;
  for (int i = 0; i < 32; ++i) held.push_back(std::make_unique<BlasShare>());
  std::atomic<bool> entered = false;
  std::thread late([&entered] {
    const BlasShare share;
    entered = true;
  });
  std::this_thread::sleep_for(std::chrono::milliseconds(50));
  CHECK_MESSAGE(!entered.load(), "the 33rd caller did not wait");
  held.pop_back();
  late.join();
  CHECK_MESSAGE(entered.load(), "the 33rd caller never entered");
}
