#include <doctest/doctest.h>

#include <thread>

#include "cuda/memory/readable_bytes.h"
#include "support/fault_sweep.h"
#include "support/rig.h"

using namespace tensorlane;
using namespace tensorlane::cuda;
using namespace tensorlane::cuda::testing;

namespace {

constexpr std::size_t kMiB = std::size_t{1} << 20U;

}  // namespace

TEST_CASE("out of memory says who holds it, and the device goes on working") {
  Rig rig({.memory = {.limit_bytes = 64 * kMiB}});
  std::shared_ptr<Buffer> held;
  rig.run([&](Lane& lane) { held = rig.device().allocate(lane, 40 * kMiB); });
  std::string message;
  const auto too_much = [&] {
    rig.run([&](Lane& lane) { static_cast<void>(rig.device().allocate(lane, 30 * kMiB)); });
  };
  CHECK(code_of(too_much, &message) == Code::OutOfMemory);
  for (const char* part : {"30.0 MiB", "limit of 64.0 MiB", "24.0 MiB are left", "40.0 MiB by tensors", "Dispose"}) {
    CHECK_MESSAGE(message.find(part) != std::string::npos, "'", part, "' is not in: ", message);
  }
  CHECK(rig.device().memory().used == 40 * kMiB);
  held.reset();
  CHECK_FALSE(code_of(too_much, &message).has_value());
  CHECK(rig.device().memory().peak == 40 * kMiB);
}

TEST_CASE("memory that is freed on another lane is waited for before memory is said to be out") {
  emulation::config().delay_seed = 9;
  emulation::config().memory_bytes = 128 * kMiB;
  {
    Rig rig({.lanes = 2});
    for (std::size_t i = 0; i < 10; ++i) {
      rig.run(
          [&](Lane& lane) {
            const Temporary most = CudaLane::of(lane).temporary(100 * kMiB);
            check(cudaMemsetAsync(most.as(), 1, 4096, CudaLane::of(lane).stream()), "cudaMemsetAsync");
          },
          i % 2);
    }
    std::string message;
    CHECK(code_of([&] { rig.run([&](Lane& lane) { static_cast<void>(CudaLane::of(lane).temporary(200 * kMiB)); }); },
                  &message) == Code::OutOfMemory);
    CHECK_MESSAGE(message.find("no limit") != std::string::npos, message);
  }
  emulation::config().memory_bytes = 1024 * kMiB;
  emulation::config().delay_seed = 0;
}

TEST_CASE("a fraction is a limit, the smaller of both counts") {
  const auto limit = [](const MemoryOptions& options) {
    Rig rig({.memory = options});
    return rig.device().memory().limit;
  };
  const std::uint64_t total = emulation::config().memory_bytes;
  CHECK(limit({}) == 0);
  CHECK(limit({.fraction = 0.25}) == total / 4);
  CHECK(limit({.limit_bytes = kMiB, .fraction = 0.25}) == kMiB);
  CHECK(limit({.limit_bytes = total, .fraction = 0.25}) == total / 4);
  CHECK(code_of([&] { limit({.fraction = 1.5}); }) == Code::Argument);
  CHECK(code_of([&] { limit({.growth = false}); }) == Code::Argument);
}

TEST_CASE("without growth the limit is taken at once and kept") {
  const emulation::Live before = alive();
  {
    Rig rig({.memory = {.limit_bytes = 100 * kMiB, .growth = false}});
    CHECK(rig.device().memory().reserved >= 100 * kMiB);
    CHECK(rig.device().memory().used == 0);
    rig.run([&](Lane& lane) { rig.device().trim(lane); });
    CHECK(rig.device().memory().reserved >= 100 * kMiB);
  }
  check_nothing_leaked(before);
  std::string message;
  CHECK(code_of([] { Rig({.memory = {.limit_bytes = std::uint64_t{1} << 40U, .growth = false}}); }, &message) ==
        Code::OutOfMemory);
  check_nothing_leaked(before);
}

TEST_CASE("trim gives back what is kept for reuse") {
  Rig rig;
  rig.run([&](Lane& lane) { static_cast<void>(CudaLane::of(lane).temporary(200 * kMiB)); });
  const std::uint64_t kept = rig.device().memory().reserved;
  CHECK(kept >= 200 * kMiB);
  CHECK(rig.device().memory().used == 0);
  rig.run([&](Lane& lane) {
    static_cast<void>(CudaLane::of(lane).pinned(kMiB));
    rig.device().trim(lane);
  });
  CHECK(rig.device().memory().reserved < 10 * kMiB);
  rig.run([&](Lane& lane) { rig.device().trim(lane); });
  CHECK(rig.device().memory().pinned == 0);
}

TEST_CASE("a device that was busy with much keeps little when it is idle") {
  Rig rig;
  rig.run([&](Lane& lane) { static_cast<void>(CudaLane::of(lane).temporary(600 * kMiB)); });
  for (int i = 0; i < 1000 && rig.device().memory().reserved > 260 * kMiB; ++i) {
    std::this_thread::sleep_for(std::chrono::milliseconds(5));
  }
  CHECK(rig.device().memory().reserved <= 260 * kMiB);
}

TEST_CASE("a lane keeps its workspace between tasks, until it is idle or somebody needs the memory more") {
  constexpr std::chrono::hours kLong{1};
  Rig rig({.lanes = 2, .memory = {.limit_bytes = 100 * kMiB}}, kLong);
  std::uint64_t size = 0;
  const auto use = [&](std::size_t index) {
    void* address = nullptr;
    rig.run(
        [&](Lane& lane) {
          CudaLane& here = CudaLane::of(lane);
          static_cast<void>(here.cublas_handle());
          address = here.blas_workspace().data();
          size = here.blas_workspace().size();
        },
        index);
    return address;
  };
  const std::uint64_t told = emulation::calls("cublasSetWorkspace_v2");
  const std::uint64_t taken = emulation::calls("cudaMallocFromPoolAsync");
  void* const first = use(0);
  for (int i = 0; i < 10; ++i) CHECK(use(0) == first);
  CHECK(use(1) != first);
  CHECK_MESSAGE(emulation::calls("cudaMallocFromPoolAsync") == taken + 2, "a workspace was taken again");
  CHECK(emulation::calls("cublasSetWorkspace_v2") == told + 2);
  CHECK(rig.device().memory().workspaces == 2 * size);
  // More than lanes that do nothing leave of the limit.
  rig.run([&](Lane& lane) { static_cast<void>(CudaLane::of(lane).temporary(100 * kMiB - size)); });
  CHECK(rig.device().memory().workspaces == 0);
  static_cast<void>(use(0));
  CHECK(rig.device().memory().workspaces == size);
  CHECK(emulation::calls("cublasSetWorkspace_v2") <= told + 3);
  rig.run([&](Lane& lane) { rig.device().trim(lane); }, 1);
  CHECK_MESSAGE(rig.device().memory().workspaces == 0, "trim left what another lane keeps");
  static_cast<void>(use(0));
  static_cast<void>(use(1));
  rig.pool().stop();
  CHECK_MESSAGE(rig.device().memory().used == 0, "a lane that ended left its workspace");
}

TEST_CASE("an idle lane gives its workspace back") {
  Rig rig;  // which falls idle at once
  rig.run([](Lane& lane) { static_cast<void>(CudaLane::of(lane).blas_workspace()); });
  for (int i = 0; i < 4000 && rig.device().memory().workspaces != 0; ++i) {
    std::this_thread::sleep_for(std::chrono::milliseconds(5));
  }
  CHECK(rig.device().memory().workspaces == 0);
}

TEST_CASE("the account of memory knows who holds it, and keeps to the limit") {
  MemoryAccount account(100);
  CHECK(account.take(60, MemoryKind::Tensor));
  CHECK_FALSE(account.take(41, MemoryKind::Operation));
  CHECK(account.take(40, MemoryKind::Workspace));
  account.give_back(60, MemoryKind::Tensor);
  const Usage usage = account.usage();
  CHECK(usage.tensors == 0);
  CHECK(usage.workspaces == 40);
  CHECK(usage.used == 40);
  CHECK(usage.peak == 100);
  account.forget_peak();
  CHECK(account.usage().peak == 40);
  MemoryAccount unlimited(0);
  CHECK(unlimited.take(std::size_t{1} << 40U, MemoryKind::Operation));
}

TEST_CASE("pinned blocks come in powers of two and are used again") {
  Health health(0);
  {
    HostPool pool(health, 10 * kMiB);
    std::byte* first = nullptr;
    {
      const PinnedBlock block = pool.take(1);
      CHECK(block.bytes() == 4096);
      first = block.data();
      CHECK(pool.stats().used == 4096);
    }
    CHECK(pool.take(4096).data() == first);
    CHECK(pool.take(4097).bytes() == 8192);
    CHECK(pool.take(3 * kMiB).bytes() == 4 * kMiB);
    CHECK(pool.stats().used == 0);
    CHECK(pool.stats().pinned == 4096 + 8192 + 4 * kMiB);
    // Beyond what is kept, and beyond the classes: back at once.
    CHECK(pool.take(16 * kMiB).bytes() == 16 * kMiB);
    CHECK(pool.take(65 * kMiB + 3).bytes() == 65 * kMiB + 3);
    CHECK(pool.stats().pinned == 4096 + 8192 + 4 * kMiB);
    pool.trim();
    CHECK(pool.stats().pinned == 0);
    emulation::plan_fault("cudaHostAlloc", 1, cudaErrorMemoryAllocation);
    CHECK(pool.take(64).bytes() == 4096);  // the second attempt
    emulation::plan_fault("cudaHostAlloc", 1, cudaErrorMemoryAllocation);
    emulation::plan_fault("cudaHostAlloc", 2, cudaErrorMemoryAllocation);
    std::string message;
    CHECK(code_of([&] { static_cast<void>(pool.take(kMiB)); }, &message) == Code::OutOfMemory);
    CHECK_MESSAGE(message.find("pinned host memory") != std::string::npos, message);
    emulation::clear_faults();
  }
  CHECK_FALSE(health.lost());
}

TEST_CASE("pinned blocks on many threads") {
  Health health(0);
  HostPool pool(health, kMiB);
  std::vector<std::thread> threads;
  for (unsigned t = 0; t < 4; ++t) {
    threads.emplace_back([&pool, t] {
      for (unsigned i = 0; i < 200; ++i) {
        const PinnedBlock block = pool.take(std::size_t{1} << ((i + t) % 18));
        block.data()[0] = std::byte{1};
      }
    });
  }
  for (std::thread& thread : threads) thread.join();
  CHECK(pool.stats().used == 0);
  CHECK(pool.stats().pinned <= kMiB);
}

TEST_CASE("bytes are told in units") {
  CHECK(readable_bytes(0) == "0 bytes");
  CHECK(readable_bytes(1023) == "1023 bytes");
  CHECK(readable_bytes(1536) == "1.5 KiB");
  CHECK(readable_bytes(std::uint64_t{3} << 40U) == "3.0 TiB");
}
