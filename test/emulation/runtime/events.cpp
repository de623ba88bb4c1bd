#include "runtime/events.h"

#include <chrono>
#include <memory>
#include <utility>

#include "runtime/faults.h"
#include "runtime/pools.h"
#include "runtime/state.h"
#include "runtime/streams.h"

namespace emulation {

namespace {

// Under the lock.
CUevent_st* find_event(cudaEvent_t handle) {
  const auto found = state().events.find(handle);
  return found == state().events.end() ? nullptr : found->second.get();
}

cudaError_t create_event(Device& device, cudaEvent_t* handle, unsigned int flags) {
  if (handle == nullptr || flags > (cudaEventBlockingSync | cudaEventDisableTiming)) return cudaErrorInvalidValue;
  const Quiet quiet;
  auto event = std::make_unique<CUevent_st>();
  event->device = &device;
  event->flags = flags;
  *handle = event.get();
  state().events.emplace(event.get(), std::move(event));
  return cudaSuccess;
}

// On the stream in the moment in which others can wait for it: a wait that came to the stream first would never end.
cudaError_t record_event(cudaEvent_t handle, CUstream_st& stream) {
  auto op = std::make_unique<Op>();
  prepare(*op);
  const Quiet quiet;
  CUevent_st* event = find_event(handle);
  if (event == nullptr || event->device != stream.device) return cudaErrorInvalidResourceHandle;
  event->latest = std::make_shared<Record>();
  op->record = event->latest;
  append(stream, std::move(op));
  return cudaSuccess;
}

cudaError_t wait_event(CUstream_st& stream, cudaEvent_t handle) {
  auto op = std::make_unique<Op>();
  {
    const Quiet quiet;
    CUevent_st* event = find_event(handle);
    if (event == nullptr) return cudaErrorInvalidResourceHandle;
    if (event->latest == nullptr) return cudaSuccess;
    op->wait = event->latest;
  }
  submit(stream, std::move(op));
  return cudaSuccess;
}

// For the host; with `block`, it waits.
cudaError_t look_at_event(cudaEvent_t handle, bool block) {
  std::shared_ptr<Record> record;
  Device* device = nullptr;
  {
    Quiet quiet;
    CUevent_st* event = find_event(handle);
    if (event == nullptr) return cudaErrorInvalidResourceHandle;
    device = event->device;
    if (device->sticky != cudaSuccess) return device->sticky;
    record = event->latest;
    if (record == nullptr) return cudaSuccess;
    if (block) quiet.wait(state().changed, [&] { return record->done || state().unloading; });
    if (!record->done) {
      record.reset();
      return cudaErrorNotReady;
    }
    if (block) trim_pools(*device);
  }
  acquire(&record->order);
  const Quiet quiet;
  record.reset();
  return device->sticky;
}

}  // namespace

}  // namespace emulation

extern "C" {

cudaError_t cudaEventCreate(cudaEvent_t* event) {
  return emulation::device_call("cudaEventCreate", [&](emulation::Device& device) {
    return emulation::create_event(device, event, cudaEventDefault);
  });
}

cudaError_t cudaEventCreateWithFlags(cudaEvent_t* event, unsigned int flags) {
  return emulation::device_call("cudaEventCreateWithFlags", [&](emulation::Device& device) {
    return emulation::create_event(device, event, flags);
  });
}

cudaError_t cudaEventDestroy(cudaEvent_t event) {
  return emulation::releasing_call("cudaEventDestroy", [&](emulation::Device&) {
    const emulation::Quiet quiet;
    return emulation::state().events.erase(event) == 1 ? cudaSuccess : cudaErrorInvalidResourceHandle;
  });
}

cudaError_t cudaEventRecord(cudaEvent_t event, cudaStream_t stream) {
  return emulation::stream_call("cudaEventRecord", stream,
                                [&](CUstream_st& found) { return emulation::record_event(event, found); });
}

cudaError_t cudaStreamWaitEvent(cudaStream_t stream, cudaEvent_t event, unsigned int flags) {
  return emulation::stream_call("cudaStreamWaitEvent", stream, [&](CUstream_st& found) {
    return flags != 0 ? cudaErrorInvalidValue : emulation::wait_event(found, event);
  });
}

cudaError_t cudaEventQuery(cudaEvent_t event) {
  return emulation::plain_call("cudaEventQuery", [&] { return emulation::look_at_event(event, false); });
}

cudaError_t cudaEventSynchronize(cudaEvent_t event) {
  return emulation::plain_call("cudaEventSynchronize", [&] { return emulation::look_at_event(event, true); });
}

cudaError_t cudaEventElapsedTime(float* ms, cudaEvent_t start, cudaEvent_t end) {
  return emulation::plain_call("cudaEventElapsedTime", [&] {
    const emulation::Quiet quiet;
    const CUevent_st* first = emulation::find_event(start);
    const CUevent_st* last = emulation::find_event(end);
    if (ms == nullptr) return cudaErrorInvalidValue;
    const auto timed = [](const CUevent_st* event) {
      return event != nullptr && event->latest != nullptr && (event->flags & cudaEventDisableTiming) == 0;
    };
    if (!timed(first) || !timed(last) || first->device != last->device) return cudaErrorInvalidResourceHandle;
    if (first->device->sticky != cudaSuccess) return first->device->sticky;
    if (!first->latest->done || !last->latest->done) return cudaErrorNotReady;
    *ms = std::chrono::duration<float, std::milli>(last->latest->at - first->latest->at).count();
    return cudaSuccess;
  });
}
}
