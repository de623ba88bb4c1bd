// Shares the cores among the BLAS operations of the process.
//
// OpenBLAS has one pool of threads and one number of threads a process. Callers that each want several threads get in
// each other's way: they wait for the pool spinning, and with more callers than cores they take its only cores from it
// (eight SVDs of 400 x 400 on two cores: 0.5 s with one thread each, 23 s with two). So whoever calls holds a BlasShare
// meanwhile, and each gets its part of the cores: all of them for a caller that is alone, one for each of many.
//
// A caller whose matrices are small says how many cores it can use at most: where each of some hundred steps is short,
// the threads wait for one another longer than they compute, and for whole time slices where other processes want the
// cores (one SVD of 100 x 100 beside two busy processes: 1.2 ms on one thread, 650 ms on two).
//
// For the same reason nobody gets more than others leave: what these keep busy (core/cores/neighbours.h), who are looked for now and then, no caller
// gets; and where one that had several had to wait for them all the same, the next ones get one (blas_crowding.h). Products and eliminations have
// fewer steps than decompositions, but lose by a busy neighbour too (solve of 512 x 512 beside one busy process on two cores: 7 ms on one
// thread, 191 ms on two).
//
// The cores are divided when a caller comes, not when one goes: between two operations of a busy lane there is a moment
// with a caller less, and a thread of OpenBLAS's that is woken in that moment spins for tens of milliseconds
// afterwards.
#pragma once

#include <chrono>
#include <limits>

namespace tensorlane::cpu {

class BlasShare {
 public:
  static constexpr unsigned kAllCores = std::numeric_limits<unsigned>::max();

  explicit BlasShare(unsigned most_cores = kAllCores);
  ~BlasShare();
  BlasShare(const BlasShare&) = delete;
  BlasShare& operator=(const BlasShare&) = delete;

  // Cores that all operations of the process may use together. What was found out about others is forgotten.
  static void set_cores(unsigned cores);
  [[nodiscard]] static unsigned cores();
  // Who says how many of so many cores others leave; cores_left_by_others, where nobody was set.
  using Left = unsigned (*)(unsigned wanted) noexcept;
  static void set_left_by_others(Left left);

 private:
  bool on_several_ = false;
  std::chrono::steady_clock::time_point began_;
  std::chrono::nanoseconds on_core_{0};  // the caller's thread, until then
};

}  // namespace tensorlane::cpu
