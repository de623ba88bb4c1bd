// Copies and fills.
//
// Pinned memory is read and written when the stream comes to the copy. Pageable memory is read before the call returns,
// and a call that writes it returns when that is done, as in CUDA.
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <memory>
#include <utility>
#include <vector>

#include "runtime/address_space.h"
#include "runtime/faults.h"
#include "runtime/state.h"
#include "runtime/streams.h"

namespace emulation {

namespace {

enum class Kind : std::uint8_t { Device, Pinned, Pageable, Invalid };

struct Plane {
  std::size_t pitch;
  std::size_t width;
  std::size_t height;
  [[nodiscard]] std::size_t extent() const { return (height - 1) * pitch + width; }
};

Kind kind_of(const void* pointer, std::size_t bytes) {
  const Quiet quiet;
  if (device_of(pointer) != nullptr) return find_allocation(pointer, bytes) != nullptr ? Kind::Device : Kind::Invalid;
  if (pointer == nullptr) return Kind::Invalid;
  if (is_pinned(pointer, 0)) return is_pinned(pointer, bytes) ? Kind::Pinned : Kind::Invalid;
  return Kind::Pageable;
}

// CUDA would take some copies whose direction is not what the call says; here they are errors.
bool agrees(cudaMemcpyKind kind, bool from_device, bool to_device) {
  switch (kind) {
    case cudaMemcpyHostToHost:
      return !from_device && !to_device;
    case cudaMemcpyHostToDevice:
      return !from_device && to_device;
    case cudaMemcpyDeviceToHost:
      return from_device && !to_device;
    case cudaMemcpyDeviceToDevice:
      return from_device && to_device;
    case cudaMemcpyDefault:
      return true;
  }
  return false;
}

void copy_rows(std::byte* to, const Plane& to_plane, const std::byte* from, const Plane& from_plane) {
  if (to_plane.pitch == to_plane.width && from_plane.pitch == from_plane.width) {
    std::memcpy(to, from, to_plane.width * to_plane.height);
    return;
  }
  for (std::size_t row = 0; row < to_plane.height; ++row)
    std::memcpy(to + row * to_plane.pitch, from + row * from_plane.pitch, to_plane.width);
}

cudaError_t check(const void* to, const Plane& to_plane, const void* from, const Plane& from_plane, cudaMemcpyKind kind,
                  Kind& to_kind, Kind& from_kind) {
  to_kind = kind_of(to, to_plane.extent());
  from_kind = kind_of(from, from_plane.extent());
  if (to_kind == Kind::Invalid || from_kind == Kind::Invalid) return cudaErrorInvalidValue;
  if (to_plane.width > to_plane.pitch || from_plane.width > from_plane.pitch) return cudaErrorInvalidPitchValue;
  return agrees(kind, from_kind == Kind::Device, to_kind == Kind::Device) ? cudaSuccess : cudaErrorInvalidValue;
}

cudaError_t copy_on_stream(CUstream_st& stream, void* to, Plane to_plane, const void* from, Plane from_plane,
                           cudaMemcpyKind kind) {
  if (to_plane.width == 0 || to_plane.height == 0) return cudaSuccess;
  Kind to_kind = Kind::Invalid;
  Kind from_kind = Kind::Invalid;
  const cudaError_t error = check(to, to_plane, from, from_plane, kind, to_kind, from_kind);
  if (error != cudaSuccess) return error;
  auto* target = static_cast<std::byte*>(device_alias(to));
  const auto* source = static_cast<const std::byte*>(device_alias(from));
  auto op = std::make_unique<Op>();
  if (from_kind == Kind::Pageable) {
    const Plane packed{from_plane.width, from_plane.width, from_plane.height};
    auto staged = std::make_shared<std::vector<std::byte>>(packed.extent());
    copy_rows(staged->data(), packed, source, from_plane);
    op->work = [=, staged = std::move(staged)] { copy_rows(target, to_plane, staged->data(), packed); };
  } else {
    op->work = [=] { copy_rows(target, to_plane, source, from_plane); };
  }
  const std::uint64_t position = submit(stream, std::move(op));
  if (to_kind != Kind::Pageable) return cudaSuccess;
  wait_for_stream(stream, position);
  return sticky_error(*stream.device);
}

Plane line(std::size_t bytes) { return {bytes, bytes, 1}; }

}  // namespace

}  // namespace emulation

using emulation::Kind;

extern "C" {

cudaError_t cudaMemcpyAsync(void* dst, const void* src, std::size_t count, cudaMemcpyKind kind, cudaStream_t handle) {
  return emulation::stream_call("cudaMemcpyAsync", handle, [&](CUstream_st& stream) {
    return emulation::copy_on_stream(stream, dst, emulation::line(count), src, emulation::line(count), kind);
  });
}

cudaError_t cudaMemcpy2DAsync(void* dst, std::size_t dpitch, const void* src, std::size_t spitch, std::size_t width,
                              std::size_t height, cudaMemcpyKind kind, cudaStream_t handle) {
  return emulation::stream_call("cudaMemcpy2DAsync", handle, [&](CUstream_st& stream) {
    return emulation::copy_on_stream(stream, dst, {dpitch, width, height}, src, {spitch, width, height}, kind);
  });
}

// On the default stream: after the streams that synchronise with it, and done when it returns.
cudaError_t cudaMemcpy(void* dst, const void* src, std::size_t count, cudaMemcpyKind kind) {
  return emulation::device_call("cudaMemcpy", [&](emulation::Device& device) {
    if (count == 0) return cudaSuccess;
    Kind to_kind = Kind::Invalid;
    Kind from_kind = Kind::Invalid;
    const auto plane = emulation::line(count);
    const cudaError_t error = emulation::check(dst, plane, src, plane, kind, to_kind, from_kind);
    if (error != cudaSuccess) return error;
    emulation::wait_for_device(device, true);
    std::memcpy(emulation::device_alias(dst), emulation::device_alias(src), count);
    return emulation::sticky_error(device);
  });
}

cudaError_t cudaMemsetAsync(void* devPtr, int value, std::size_t count, cudaStream_t handle) {
  return emulation::stream_call("cudaMemsetAsync", handle, [&](CUstream_st& stream) {
    if (count == 0) return cudaSuccess;
    const Kind kind = emulation::kind_of(devPtr, count);
    if (kind == Kind::Invalid || kind == Kind::Pageable) return cudaErrorInvalidValue;
    auto op = std::make_unique<emulation::Op>();
    op->work = [target = emulation::device_alias(devPtr), value, count] { std::memset(target, value, count); };
    emulation::submit(stream, std::move(op));
    return cudaSuccess;
  });
}

cudaError_t cudaMemset(void* devPtr, int value, std::size_t count) {
  return emulation::device_call("cudaMemset", [&](emulation::Device& device) {
    if (count == 0) return cudaSuccess;
    const Kind kind = emulation::kind_of(devPtr, count);
    if (kind == Kind::Invalid || kind == Kind::Pageable) return cudaErrorInvalidValue;
    emulation::wait_for_device(device, true);
    std::memset(emulation::device_alias(devPtr), value, count);
    return emulation::sticky_error(device);
  });
}
}
