#include "runtime/faults.h"

#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <string>

#include "runtime/pools.h"
#include "runtime/streams.h"

namespace emulation {

namespace {

thread_local int device_of_thread = 0;
thread_local bool has_current_context = false;  // that of device_of_thread
thread_local cudaError_t last_error = cudaSuccess;
thread_local cudaError_t fault_at_execution = cudaSuccess;

bool stays(cudaError_t error) {
  switch (error) {
    case cudaErrorDevicesUnavailable:
    case cudaErrorECCUncorrectable:
    case cudaErrorNvlinkUncorrectable:
    case cudaErrorContained:
    case cudaErrorIllegalAddress:
    case cudaErrorLaunchTimeout:
    case cudaErrorAssert:
    case cudaErrorHardwareStackError:
    case cudaErrorIllegalInstruction:
    case cudaErrorMisalignedAddress:
    case cudaErrorInvalidAddressSpace:
    case cudaErrorInvalidPc:
    case cudaErrorLaunchFailure:
    case cudaErrorTensorMemoryLeak:
      return true;
    default:
      return false;
  }
}

struct Named {
  const char* name;
  cudaError_t error;
};

constexpr Named kErrors[] = {
#define EMULATION_ERROR(name) {#name, name},
#include "runtime/error_names.inc"
#undef EMULATION_ERROR
};

constexpr Named kShortNames[] = {
    {"outofmemory", cudaErrorMemoryAllocation},
    {"illegaladdress", cudaErrorIllegalAddress},
    {"launchfailure", cudaErrorLaunchFailure},
    {"devicelost", cudaErrorDevicesUnavailable},
    {"unknown", cudaErrorUnknown},
};

cudaError_t error_by_name(const std::string& name) {
  for (const Named& entry : kShortNames)
    if (name == entry.name) return entry.error;
  for (const Named& entry : kErrors)
    if (name == entry.name) return entry.error;
  return static_cast<cudaError_t>(std::atoi(name.c_str()));
}

// Under the lock.
void count_call(State& all, const char* call) {
  ++all.all_calls;
  const auto found = all.calls.find(std::string_view(call));
  if (found != all.calls.end())
    ++found->second;
  else
    all.calls.emplace(call, 1);
}

}  // namespace

void plan_faults_from_text(std::string_view text) {
  while (!text.empty()) {
    const std::string plan(text.substr(0, text.find(',')));
    text.remove_prefix(std::min(text.size(), plan.size() + 1));
    const std::size_t first = plan.find(':');
    const std::size_t second = plan.find(':', first == std::string::npos ? first : first + 1);
    const std::uint64_t nth = second == std::string::npos ? 0 : std::strtoull(plan.c_str() + first + 1, nullptr, 10);
    const cudaError_t error = nth == 0 ? cudaSuccess : error_by_name(plan.substr(second + 1));
    if (error == cudaSuccess) {
      std::fprintf(stderr, "emulation: EMULATION_FAULT has '%s'; expected call:nth:error\n", plan.c_str());
      std::abort();
    }
    plan_fault(plan.substr(0, first), nth, error);
  }
}

void plan_fault(const std::string& call, std::uint64_t nth, cudaError_t error, Effect effect) {
  if (effect == Effect::Default) effect = stays(error) ? Effect::Sticky : Effect::Fail;
  const Quiet quiet;
  state().plans.push_back({call, std::max<std::uint64_t>(nth, 1), error, effect});
}

void clear_faults() {
  const Quiet quiet;
  state().plans.clear();
}

std::uint64_t calls(std::string_view name) {
  const Quiet quiet;
  const State& all = state();
  if (name.empty()) return all.all_calls;
  const auto found = all.calls.find(name);
  return found == all.calls.end() ? 0 : found->second;
}

cudaError_t begin_call(const char* call) {
  const Config& now = config();
  const Quiet quiet;
  State& all = state();
  if (all.unloading) return cudaErrorCudartUnloading;
  count_call(all, call);
  fault_at_execution = cudaSuccess;
  cudaError_t planned = cudaSuccess;
  Effect effect = Effect::Fail;
  for (auto plan = all.plans.begin(); plan != all.plans.end();) {
    if ((plan->call.empty() || plan->call == call) && --plan->countdown == 0) {
      planned = plan->error;
      effect = plan->effect;
      plan = all.plans.erase(plan);
    } else {
      ++plan;
    }
  }
  if (planned != cudaSuccess) {
    if (effect == Effect::AtExecution) {
      fault_at_execution = planned;
      return cudaSuccess;
    }
    Device* device = effect == Effect::Sticky ? find_device(device_of_thread) : nullptr;
    if (device != nullptr) fail(*device, planned);
    return planned;
  }
  if (now.driver_version / 1000 < now.runtime_version / 1000) return cudaErrorInsufficientDriver;
  if (now.devices <= 0) return cudaErrorNoDevice;
  return cudaSuccess;
}

cudaError_t take_fault_at_execution() { return std::exchange(fault_at_execution, cudaSuccess); }

cudaError_t fault(const char* call) {
  const cudaError_t planned = begin_call(call);
  return planned != cudaSuccess ? planned : sticky(device_of_thread);
}

cudaError_t sticky(int device) {
  const Quiet quiet;
  const Device* found = find_device(device);
  return found == nullptr ? cudaErrorInvalidDevice : found->sticky;
}

void fail(Device& device, cudaError_t error) {
  if (device.sticky == cudaSuccess) device.sticky = error;
}

void fail_device(int device, cudaError_t error) {
  const Quiet quiet;
  Device* found = find_device(device);
  if (found != nullptr) fail(*found, error);
}

void reset_errors() {
  wait_for_all_streams();
  reclaim_orphans();
  const Quiet quiet;
  for (const auto& device : state().devices)
    if (device != nullptr) device->sticky = cudaSuccess;
  last_error = cudaSuccess;
}

int current_device() { return device_of_thread; }

cudaError_t planned_fault(const char* call) { return begin_call(call); }

void enter_context(Device& device) {
  device.has_context = true;
  has_current_context = true;
}

bool has_context(int device) {
  const Quiet quiet;
  const Device* found = find_device(device);
  return found != nullptr && found->has_context;
}

void forget_contexts() {
  const Quiet quiet;
  for (const auto& device : state().devices)
    if (device != nullptr) device->has_context = false;
  has_current_context = false;
}

int current_context() { return has_current_context ? device_of_thread : -1; }

void set_current_context(int device) {
  has_current_context = device >= 0;
  if (device >= 0) device_of_thread = device;
}

cudaError_t remembered(cudaError_t error) {
  if (error != cudaSuccess && error != cudaErrorNotReady) last_error = error;
  return error;
}

}  // namespace emulation

using emulation::begin_call;
using emulation::Quiet;

extern "C" {

cudaError_t cudaSetDevice(int device) {
  return emulation::plain_call("cudaSetDevice", [&] {
    const Quiet quiet;
    emulation::Device* const found = emulation::find_device(device);
    if (found == nullptr) return cudaErrorInvalidDevice;
    emulation::device_of_thread = device;
    emulation::enter_context(*found);
    return cudaSuccess;
  });
}

cudaError_t cudaGetDevice(int* device) {
  return emulation::plain_call("cudaGetDevice", [&] {
    if (device == nullptr) return cudaErrorInvalidValue;
    *device = emulation::device_of_thread;
    return cudaSuccess;
  });
}

// A device's sticky error is what every thread finds, and nothing takes it away.
cudaError_t cudaPeekAtLastError(void) {
  const Quiet quiet;
  const emulation::Device* device = emulation::state().devices[emulation::device_of_thread].get();
  return device != nullptr && device->sticky != cudaSuccess ? device->sticky : emulation::last_error;
}

cudaError_t cudaGetLastError(void) {
  const cudaError_t error = cudaPeekAtLastError();
  emulation::last_error = cudaSuccess;
  return error;
}

const char* cudaGetErrorName(cudaError_t error) {
  for (const emulation::Named& entry : emulation::kErrors)
    if (entry.error == error) return entry.name;
  return "unrecognized error code";
}

const char* cudaGetErrorString(cudaError_t error) {
  switch (error) {
    case cudaSuccess:
      return "no error";
    case cudaErrorInvalidValue:
      return "invalid argument";
    case cudaErrorMemoryAllocation:
      return "out of memory";
    case cudaErrorCudartUnloading:
      return "driver shutting down";
    case cudaErrorInvalidConfiguration:
      return "invalid configuration argument";
    case cudaErrorInsufficientDriver:
      return "CUDA driver version is insufficient for CUDA runtime version";
    case cudaErrorDevicesUnavailable:
      return "CUDA-capable device(s) is/are busy or unavailable";
    case cudaErrorNoDevice:
      return "no CUDA-capable device is detected";
    case cudaErrorInvalidDevice:
      return "invalid device ordinal";
    case cudaErrorInvalidResourceHandle:
      return "invalid resource handle";
    case cudaErrorNotReady:
      return "device not ready";
    case cudaErrorIllegalAddress:
      return "an illegal memory access was encountered";
    case cudaErrorLaunchTimeout:
      return "the launch timed out and was terminated";
    case cudaErrorLaunchFailure:
      return "unspecified launch failure";
    case cudaErrorNotSupported:
      return "operation not supported";
    case cudaErrorUnknown:
      return "unknown error";
    default:
      return cudaGetErrorName(error);
  }
}
}
