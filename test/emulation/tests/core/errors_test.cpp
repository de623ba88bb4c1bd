// Which errors are the end of a device, and what choosing a device for a while leaves behind on a thread.
#include "cuda/runtime/errors.h"

#include <doctest/doctest.h>

#include <thread>

#include "core/lanes/event.h"
#include "support/rig.h"

using namespace tensorlane;
using namespace tensorlane::cuda;
using namespace tensorlane::cuda::testing;

namespace {

// Several devices, and none has a context yet.
class ManyDevices {
 public:
  explicit ManyDevices(int count) {
    emulation::config().devices = count;
    emulation::forget_contexts();
  }
  ~ManyDevices() { emulation::config().devices = 1; }
  ManyDevices(const ManyDevices&) = delete;
  ManyDevices& operator=(const ManyDevices&) = delete;
};

// On a thread that has never chosen a device; returns when that has ended.
template <typename Run>
void on_new_thread(Run run) {
  std::thread(run).join();
}

}  // namespace

TEST_CASE("what NVIDIA says leaves the process unusable is sticky, what fails one call is not") {
  const auto numbered = [](int number) { return static_cast<cudaError_t>(number); };
  // cudaErrorContained and cudaErrorTensorMemoryLeak by number, as CUDA 12's headers have no names for them.
  for (const cudaError_t error :
       {numbered(226), numbered(721), cudaErrorIllegalAddress, cudaErrorLaunchTimeout, cudaErrorAssert,
        cudaErrorHardwareStackError, cudaErrorIllegalInstruction, cudaErrorMisalignedAddress,
        cudaErrorInvalidAddressSpace, cudaErrorInvalidPc, cudaErrorLaunchFailure, cudaErrorMpsClientTerminated,
        cudaErrorExternalDevice, cudaErrorECCUncorrectable, cudaErrorNvlinkUncorrectable, cudaErrorMpsRpcFailure}) {
    CAPTURE(static_cast<int>(error));
    CHECK(is_sticky(error));
  }
  for (const cudaError_t error : {cudaErrorInvalidValue, cudaErrorMemoryAllocation, cudaErrorNotReady,
                                  cudaErrorCallRequiresNewerDriver, cudaErrorLaunchOutOfResources}) {
    CAPTURE(static_cast<int>(error));
    CHECK_FALSE(is_sticky(error));
  }
}

TEST_CASE("a thread that had no device has no context afterwards, one that had one has it again") {
  const ManyDevices devices(3);
  int none = 0;
  int inside = -1;
  int chosen = -1;
  on_new_thread([&] {
    Health health(2);
    {
      const OnDevice here(2, health);
      inside = emulation::current_context();
    }
    none = emulation::current_context();
    check(cudaSetDevice(1), "cudaSetDevice");
    {
      const OnDevice here(2, health);
    }
    chosen = emulation::current_context();
  });
  CHECK(inside == 2);
  CHECK(none == -1);
  CHECK(chosen == 1);
  CHECK_FALSE_MESSAGE(emulation::has_context(0), "a context was made on a device that nobody chose");
}

// The whole life of a device that is not the first: each step on a thread that has chosen none.
TEST_CASE("using another device makes no context on the first one") {
  const ManyDevices devices(2);
  std::unique_ptr<Rig> rig;
  std::shared_ptr<Buffer> buffer;
  std::shared_ptr<Kernel> kernel;
  Event event;
  const auto step = [&](const char* name, auto run) {
    on_new_thread(run);
    CHECK_FALSE_MESSAGE(emulation::has_context(0), name << " made a context on device 0");
  };
  step("listing", [] { static_cast<void>(CudaDevice::list()); });
  step("opening", [&] { rig = std::make_unique<Rig>(CudaOptions{.index = 1, .lanes = 2}); });
  CHECK(emulation::has_context(1));
  step("working", [&] {
    rig->run([&](Lane& lane) {
      buffer = rig->device().allocate(lane, 1024);
      kernel = rig->device().compile(lane, "extern \"C\" __global__ void nothing() {}\n", "nothing", {});
      CudaLane::of(lane).record(event);
    });
  });
  step("asking for its memory", [&] { static_cast<void>(rig->device().memory()); });
  step("trimming", [&] { rig->run([&](Lane& lane) { rig->device().trim(lane); }); });
  step("letting go of a buffer", [&] { buffer.reset(); });
  step("letting go of a kernel", [&] { kernel.reset(); });
  step("closing", [&] { rig.reset(); });
  step("letting go of an event", [&] { event.device.reset(); });
}
