// Lets each call that an operation makes fail once, in each way, and sees that the failure is a typed error, that
// nothing hangs or leaks, and that the device works afterwards or is lost for good.
#pragma once

#include <doctest/doctest.h>

#include <functional>
#include <string>

#include "support/rig.h"

namespace tensorlane::cuda::testing {

struct FaultKind {
  const char* name;
  cudaError_t error;
  bool loses;  // the device
};

inline constexpr FaultKind kFaultKinds[] = {
    {"out of memory", cudaErrorMemoryAllocation, false},
    {"a plain failure", cudaErrorInvalidValue, false},
    {"an illegal address", cudaErrorIllegalAddress, true},
    {"a lost device", cudaErrorDevicesUnavailable, true},
};

// What is alive when all streams have come to their ends.
inline emulation::Live alive() {
  emulation::reset_errors();
  return emulation::live();
}

// What a device leaves behind must be what was there before it.
inline void check_nothing_leaked(const emulation::Live& before) {
  const emulation::Live now = alive();
  CHECK_MESSAGE(now.device_bytes == before.device_bytes, "device memory leaked");
  CHECK_MESSAGE(now.pinned_bytes == before.pinned_bytes, "pinned memory leaked");
  CHECK_MESSAGE(now.streams == before.streams, "streams leaked");
  CHECK_MESSAGE(now.events == before.events, "events leaked");
  CHECK_MESSAGE(now.pools == before.pools, "memory pools leaked");
  CHECK_MESSAGE(now.graphs == before.graphs, "graphs leaked");
}

// The same for a device that was lost: where the call that met the loss was one that gives something back, that one
// thing went with the device.
inline void check_at_most_one_leaked(const emulation::Live& before) {
  const emulation::Live now = alive();
  const auto count = [](const emulation::Live& live) {
    return live.device_allocations + live.pinned_allocations + live.streams + live.events + live.pools + live.graphs;
  };
  CHECK_MESSAGE(count(now) <= count(before) + 1, "a lost device leaked more than the call that failed could not free");
}

// ThreadSanitizer looks for races, of which every call that fails is a chance among many; AddressSanitizer's run takes
// all.
#ifdef __SANITIZE_THREAD__
inline constexpr std::uint64_t kSweepStride = 20;
#else
inline constexpr std::uint64_t kSweepStride = 1;
#endif

// Lets each of so many calls fail once, in each way: `body` makes them with that fault planned, and gives everything back.
template <typename Body>
void for_each_fault(std::uint64_t calls, std::uint64_t stride, Body body) {
  for (const FaultKind& kind : kFaultKinds) {
    for (std::uint64_t nth = 1; nth <= calls; nth += stride * kSweepStride) {
      INFO("call ", nth, " of ", calls, " failed with ", std::string(kind.name));
      const emulation::Live before = alive();
      body(nth, kind);
      if (kind.loses) {
        check_at_most_one_leaked(before);
      } else {
        check_nothing_leaked(before);
      }
    }
  }
}

// One fault at the nth call.
inline void run_with_fault(const std::function<void(Rig&)>& operation, const CudaOptions& options, std::uint64_t nth,
                           const FaultKind& kind) {
  Rig rig(options);
  emulation::plan_fault("", nth, kind.error);
  std::string message;
  const std::optional<Code> code = code_of([&] { operation(rig); }, &message);
  emulation::clear_faults();
  INFO("it ended with: ", message);
  if (kind.loses) {
    if (code.has_value()) CHECK(*code == Code::DeviceLost);
    // From now on whatever comes is refused, once the loss was met.
    static_cast<void>(code_of([&] { operation(rig); }));
    if (rig.context().health().lost()) {
      CHECK(code_of([&] { rig.run([](Lane&) {}); }) == Code::DeviceLost);
    }
    emulation::reset_errors();  // waits for what still runs, as the end of the process would
  } else {
    CHECK_FALSE(rig.context().health().lost());
    std::string again;
    CHECK_MESSAGE(!code_of([&] { operation(rig); }, &again).has_value(), "it does not work any more: ", again);
  }
}

// `operation` must check its results where it ends well. `stride`: every so manyth call only, for long operations.
inline void sweep_faults(const std::function<void(Rig&)>& operation, const CudaOptions& options = {},
                         std::uint64_t stride = 1) {
  std::uint64_t calls = 0;
  {
    Rig rig(options);
    const std::uint64_t before = emulation::calls();
    operation(rig);
    rig.pool().stop();
    calls = emulation::calls() - before;
  }
  REQUIRE(calls > 0);
  for_each_fault(calls, stride,
                 [&](std::uint64_t nth, const FaultKind& kind) { run_with_fault(operation, options, nth, kind); });
}

}  // namespace tensorlane::cuda::testing
