// The emulated CUDA device, as tests and the emulated libraries see it: what it is like, how it is made to fail, and
// how work gets onto its streams. Everything else is CUDA's own interface (include/).
//
// Ordering: work of different streams is ordered by events and by the host's waiting only, and ThreadSanitizer is told
// exactly that. Whatever the runtime keeps for itself is hidden from it, so it orders nothing by accident.
#pragma once

#include <cuda_runtime_api.h>

#include <cstddef>
#include <cstdint>
#include <functional>
#include <string>
#include <string_view>

#pragma GCC visibility push(default)
namespace emulation {

inline constexpr int kMaxDevices = 8;

// May be changed at any time between tests, except that memory_bytes counts for what is allocated from then on.
struct Config {
  int devices = 1;                                  // EMULATION_DEVICES
  std::size_t memory_bytes = std::size_t{1} << 30;  // EMULATION_MEMORY, of each device; at most 4 GiB
  // EMULATION_DELAYS. With 0 streams run as fast as they can. A grid's blocks run in another order with each.
  std::uint64_t delay_seed = 0;
  int compute_major = 9;  // EMULATION_COMPUTE, "9.0"
  int compute_minor = 0;
  int driver_version = 13000;  // EMULATION_DRIVER; 0: no driver is installed
  int runtime_version = CUDART_VERSION;
  int multiprocessors = 4;
  bool gesvd_converges = true;
};

// The first use reads the environment.
Config& config();

enum class Effect {
  Default,      // Sticky for the errors that are sticky in CUDA, else Fail
  Fail,         // this call returns the error
  Sticky,       // this call and every later one of the device return it, and what its streams still hold is not run
  AtExecution,  // this call succeeds; when its stream comes to what it enqueued, the device fails as with Sticky
};

// The nth call (1: the next one) of `call`, an entry point's name, or of any entry point ("") fails. Plans add up, and
// each comes true once. Also from EMULATION_FAULT="cudaMallocAsync:3:outofmemory,:10:devicelost": the error is one of
// outofmemory, illegaladdress, launchfailure, devicelost, unknown, a number, or an enumerator's name.
void plan_fault(const std::string& call, std::uint64_t nth, cudaError_t error, Effect effect = Effect::Default);
void clear_faults();
// How often an entry point was called so far, or all of them.
std::uint64_t calls(std::string_view name = "");

// What an entry point asks first: the planned fault, else the sticky error of the current device, else success.
cudaError_t fault(const char* call);

// The planned fault alone, for what works on a device that has failed as well.
cudaError_t planned_fault(const char* call);

// Whether a device's primary context is there: made when a thread chooses the device, as since CUDA 12, or by the first
// call that needs a device on a thread that has none.
bool has_context(int device);
// As when the process started. Not while anything is alive.
void forget_contexts();
// The device whose context is the calling thread's current one; -1: it has none.
int current_context();
// -1: none from now on, and what needs a device gets the context of the device that the thread last had.
void set_current_context(int device);

// The device's sticky error; cudaSuccess when it has none.
cudaError_t sticky(int device = 0);
// Makes a device fail for good, as a kernel that went wrong does.
void fail_device(int device, cudaError_t error);
// Clears the sticky errors of all devices and the calling thread's last error, after what is queued has ended. A real
// process would have to be started anew.
void reset_errors();

// Runs `work` on the stream's thread, in the stream's order. Device memory is reached through on_device() there.
cudaError_t enqueue(cudaStream_t stream, std::function<void()> work);
// Runs a kernel, `body` for each of its CUDA threads. What it touches of the device's memory is translated already.
cudaError_t launch(std::function<void()> body, dim3 grid, dim3 block, std::size_t shared, cudaStream_t stream);

void* device_alias(const volatile void* pointer);

// The address under which work on a stream reaches a device address; any other pointer, and one that was translated
// before, comes back unchanged.
template <typename T>
T* on_device(T* pointer) {
  return static_cast<T*>(device_alias(pointer));
}

// True when the `bytes` from `pointer` on lie inside one allocation that is alive on a device.
bool is_device_memory(const void* pointer, std::size_t bytes = 1);

// What is alive, all devices together. Memory that was freed on a stream counts until the stream has come to it.
struct Live {
  std::size_t device_allocations = 0;
  std::size_t device_bytes = 0;
  std::size_t pinned_allocations = 0;
  std::size_t pinned_bytes = 0;
  std::size_t streams = 0;
  std::size_t events = 0;
  std::size_t pools = 0;
  std::size_t graphs = 0;
  bool operator==(const Live&) const = default;
};
Live live();

}  // namespace emulation
#pragma GCC visibility pop
