#include "cuda/onnx/model_run.h"

#include <algorithm>
#include <utility>

#include "cuda/memory/cuda_buffer.h"
#include "cuda/memory/staging.h"
#include "cuda/runtime/context.h"
#include "cuda/runtime/errors.h"

namespace tensorlane::cuda {

namespace {

bool resides(std::span<const Operand> parts) { return parts.size() == 1 && parts.front().buffer != nullptr; }

std::size_t total_bytes(std::span<const Operand> parts) {
  std::size_t bytes = 0;
  for (const Operand& part : parts) bytes += part.bytes;
  return bytes;
}

}  // namespace

// A run that failed half way has given the stream work all the same.
CudaModelRun::~CudaModelRun() {
  if (provider_ == nullptr) return;
  const cudaError_t error = cudaStreamSynchronize(provider_);
  if (error != cudaSuccess) lane_.context().health().note(error, "cudaStreamSynchronize");
}

std::byte* CudaModelRun::bring(std::span<const Operand> parts) {
  if (!resides(parts)) return brought(parts)->data();
  after_stream_ = true;
  return static_cast<std::byte*>(lane_.reads(parts.front()));
}

Operand CudaModelRun::operand(std::span<const Operand> parts) {
  if (resides(parts)) return parts.front();
  std::shared_ptr<CudaBuffer> buffer = brought(parts);
  lane_.context().events().record(lane_.copy_in())->let_wait(lane_.stream());
  std::byte* data = buffer->data();
  return {data, total_bytes(parts), std::move(buffer)};
}

Operand CudaModelRun::take(std::size_t bytes) {
  // At least one byte, so that an empty tensor has an address too.
  auto buffer = std::make_shared<CudaBuffer>(lane_.shared_context(), lane_.stream(), std::max<std::size_t>(bytes, 1));
  lane_.made(buffer);
  std::byte* data = buffer->data();
  return {data, bytes, std::move(buffer)};
}

Operand CudaModelRun::room(std::size_t bytes, bool stays) {
  auto buffer = std::make_shared<CudaBuffer>(lane_.shared_context(), lane_.copy_in(), std::max<std::size_t>(bytes, 1));
  if (stays) {
    lane_.made(buffer);
  } else {
    lane_.keep(buffer);
  }
  std::byte* data = buffer->data();
  return {data, bytes, std::move(buffer)};
}

std::shared_ptr<CudaBuffer> CudaModelRun::brought(std::span<const Operand> parts) {
  std::size_t bytes = 0;
  std::size_t host_bytes = 0;
  for (const Operand& part : parts) {
    bytes += part.bytes;
    if (part.buffer == nullptr) host_bytes += part.bytes;
  }
  const cudaStream_t copies = lane_.copy_in();
  // At least one byte, so that an empty tensor has an address too.
  auto buffer = std::make_shared<CudaBuffer>(lane_.shared_context(), copies, std::max<std::size_t>(bytes, 1));
  lane_.keep(buffer);
  Uploader upload(lane_, copies, host_bytes);
  std::byte* to = buffer->data();
  for (const Operand& part : parts) {
    if (part.bytes == 0) continue;
    if (part.buffer == nullptr) {
      upload.copy(to, part.data, part.bytes);
    } else {
      const void* from = lane_.reads(part);
      lane_.context().events().record(lane_.stream())->let_wait(copies);
      check(cudaMemcpyAsync(to, from, part.bytes, cudaMemcpyDeviceToDevice, copies), "cudaMemcpyAsync");
    }
    to += part.bytes;
  }
  return buffer;
}

void CudaModelRun::begin(void* stream) {
  auto* const provider = static_cast<cudaStream_t>(stream);
  lane_.context().events().record(lane_.copy_in())->let_wait(provider);
  if (after_stream_) lane_.context().events().record(lane_.stream())->let_wait(provider);
  provider_ = provider;
}

void CudaModelRun::end() {
  // The provider may have left another device behind.
  check(cudaSetDevice(lane_.context().device()), "cudaSetDevice");
  const EventRef done = lane_.context().events().record(provider_);
  done->let_wait(lane_.copy_out());
  done->let_wait(lane_.stream());  // whose end is the task's
  provider_ = nullptr;
}

void CudaModelRun::join() {
  // The provider may have left another device behind.
  check(cudaSetDevice(lane_.context().device()), "cudaSetDevice");
  lane_.context().events().record(lane_.copy_in())->let_wait(lane_.stream());
}

void CudaModelRun::copy(std::byte* to, const std::byte* from, std::size_t bytes) {
  if (bytes == 0) return;
  check(cudaMemcpyAsync(to, from, bytes, cudaMemcpyDeviceToDevice, lane_.stream()), "cudaMemcpyAsync");
}

void CudaModelRun::await() { check(cudaStreamSynchronize(lane_.stream()), "cudaStreamSynchronize"); }

void CudaModelRun::await_device() noexcept {
  cudaError_t error = cudaSetDevice(lane_.context().device());  // the provider may have left another behind
  if (error == cudaSuccess) error = cudaDeviceSynchronize();
  if (error != cudaSuccess) lane_.context().health().note(error, "cudaDeviceSynchronize");
}

void CudaModelRun::operated() { lane_.context().events().record(lane_.stream())->let_wait(lane_.copy_out()); }

std::byte* CudaModelRun::fetch(const std::byte* from, std::size_t bytes) {
  std::byte* to = lane_.pinned(std::max<std::size_t>(bytes, 1));
  if (bytes != 0) check(cudaMemcpyAsync(to, from, bytes, cudaMemcpyDeviceToHost, lane_.copy_out()), "cudaMemcpyAsync");
  return to;
}

std::shared_ptr<Buffer> CudaModelRun::keep(const std::byte* from, std::size_t bytes) {
  auto buffer = std::make_shared<CudaBuffer>(lane_.shared_context(), lane_.stream(), bytes);
  lane_.made(buffer);
  if (bytes != 0) {
    check(cudaMemcpyAsync(buffer->data(), from, bytes, cudaMemcpyDeviceToDevice, lane_.stream()), "cudaMemcpyAsync");
  }
  return buffer;
}

void CudaModelRun::check_device() { check_device_after("ONNX Runtime's run"); }

}  // namespace tensorlane::cuda
