#include <doctest/doctest.h>

#include <thread>

#include "cuda/memory/cuda_buffer.h"
#include "support/fault_sweep.h"
#include "support/rig.h"

using namespace tensorlane;
using namespace tensorlane::cuda;
using namespace tensorlane::cuda::testing;

TEST_CASE("a buffer is freed after its last use, wherever it is dropped") {
  emulation::config().delay_seed = 5;
  const emulation::Live before = alive();
  {
    Rig rig({.lanes = 3});
    for (int i = 0; i < 20; ++i) {
      std::shared_ptr<Buffer> buffer;
      rig.run([&](Lane& lane) {
        buffer = rig.device().allocate(lane, 4096);
        CudaLane& here = CudaLane::of(lane);
        check(cudaMemsetAsync(here.writes(on_device(buffer)), 0, 4096, here.stream()), "cudaMemsetAsync");
      });
      std::vector<std::future<Outcome>> ended;
      std::vector<std::vector<float>> got(3, std::vector<float>(1024, -1));
      for (std::size_t lane = 0; lane < 3; ++lane) {
        ended.push_back(rig.submit(
            [&, buffer, lane](Lane& on) { rig.device().copy(on, on_device(buffer), host(got[lane])); }, lane));
      }
      // The tasks hold it as well; whoever comes last frees it.
      std::thread([last = std::move(buffer)]() mutable { last.reset(); }).join();
      for (auto& one : ended) await(std::move(one));
      for (const auto& values : got) CHECK(values == std::vector<float>(1024, 0.0F));
    }
    CHECK(rig.device().memory().tensors == 0);
  }
  emulation::config().delay_seed = 0;
  check_nothing_leaked(before);
}

TEST_CASE("a buffer outlives its device") {
  const emulation::Live before = alive();
  std::shared_ptr<Buffer> buffer;
  {
    Rig rig;
    rig.run([&](Lane& lane) {
      buffer = rig.device().allocate(lane, 1 << 20U);
      check(cudaMemsetAsync(CudaLane::of(lane).writes(on_device(buffer)), 0, 1 << 20U, CudaLane::of(lane).stream()),
            "cudaMemsetAsync");
    });
  }
  CHECK(emulation::live().device_bytes == before.device_bytes + (1U << 20U));
  std::thread([&] { buffer.reset(); }).join();
  check_nothing_leaked(before);
}

TEST_CASE("a free that no stream can be made to wait for comes later") {
  const emulation::Live before = alive();
  {
    Rig rig({.lanes = 2});
    std::shared_ptr<Buffer> buffer;
    rig.run([&](Lane& lane) { buffer = rig.device().allocate(lane, 4096); }, 0);
    std::promise<void> go;
    rig.run(
        [&](Lane& lane) {
          CudaLane& here = CudaLane::of(lane);
          check(cudaMemsetAsync(here.writes(on_device(buffer)), 0, 4096, here.stream()), "cudaMemsetAsync");
        },
        1);
    emulation::plan_fault("cudaFreeAsync", 1, cudaErrorInvalidValue);
    buffer.reset();
    emulation::clear_faults();
    CHECK(rig.device().memory().tensors == 4096);
    rig.run([&](Lane& lane) { rig.device().trim(lane); });
    CHECK(rig.device().memory().tensors == 0);
  }
  check_nothing_leaked(before);
}

TEST_CASE("a tensor of another device, or of none, is refused") {
  emulation::config().devices = 2;
  {
    Rig rig;
    Rig other({.index = 1});
    std::shared_ptr<Buffer> buffer;
    other.run([&](Lane& lane) { buffer = other.device().allocate(lane, 64); });
    CHECK(code_of([&] { rig.run([&](Lane& lane) { CudaLane::of(lane).reads(on_device(buffer)); }); }) ==
          Code::Argument);
    std::vector<float> values(4);
    CHECK(code_of([&] { rig.run([&](Lane& lane) { CudaLane::of(lane).reads(host(values)); }); }) == Code::Argument);
    std::thread([&] { buffer.reset(); }).join();
  }
  emulation::config().devices = 1;
}
