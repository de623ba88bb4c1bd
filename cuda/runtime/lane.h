// A lane of a CUDA device: its streams, its library handles, and what the task in hand holds.
//
// A task puts its work on stream() and returns; Pending then waits for it. What it took with temporary() is freed in
// the stream's order as soon as it goes out of scope; what it took with pinned(), and what it gave to keep() and
// defer(), is held until the device has done the task's work, also when the task failed half way.
#pragma once

#include <cuda_runtime.h>

#include <cstddef>
#include <functional>
#include <memory>
#include <span>
#include <type_traits>
#include <vector>

#include "core/lanes/lane.h"
#include "cuda/libraries/handles.h"
#include "cuda/memory/host_pool.h"
#include "cuda/memory/memory_pool.h"
#include "cuda/runtime/pending.h"
#include "cuda/runtime/stream.h"
#include "device/device.h"

namespace tensorlane::cuda {

class Context;
class CudaBuffer;
class CudaDevice;

// Device memory for the operation in hand; freed in the stream's order when it is destroyed.
class Temporary {
 public:
  Temporary() = default;
  Temporary(Temporary&& other) noexcept;
  Temporary& operator=(Temporary&& other) noexcept;
  ~Temporary();

  template <typename T = void>
  [[nodiscard]] T* as() const noexcept {
    return static_cast<T*>(data_);
  }
  [[nodiscard]] std::size_t bytes() const noexcept { return bytes_; }

 private:
  friend class CudaLane;
  MemoryPool* pool_ = nullptr;
  cudaStream_t stream_ = nullptr;
  void* data_ = nullptr;
  std::size_t bytes_ = 0;
  MemoryKind kind_ = MemoryKind::Operation;
};

class CudaLane final : public LaneState {
 public:
  // Errors: OutOfMemory, DeviceLost.
  CudaLane(CudaDevice& device, std::size_t index);
  ~CudaLane() override;

  // The lane's state, for an operation of a CUDA device.
  static CudaLane& of(Lane& lane) { return static_cast<CudaLane&>(*lane.state()); }

  [[nodiscard]] CudaDevice& device() noexcept { return device_; }
  // Where the task's work goes.
  [[nodiscard]] cudaStream_t stream() noexcept;
  // For copies beside it (see batch.h), made when first asked for. Whoever uses them makes stream() wait for them.
  [[nodiscard]] cudaStream_t copy_in();
  [[nodiscard]] cudaStream_t copy_out();
  // Makes stream() wait for what is on the two, and waits itself where that cannot be done. Before memory that they use
  // is freed; done at the end of each task as well.
  void join_copies() noexcept;

  // Device memory on stream(). Errors: OutOfMemory.
  [[nodiscard]] Temporary temporary(std::size_t bytes);
  // Host memory that the device reaches by itself, until the device has done the task's work. Errors: OutOfMemory.
  [[nodiscard]] std::byte* pinned(std::size_t bytes);
  void keep(std::shared_ptr<void> what);
  // Runs on the lane's thread when the device has done the task's work; what it throws is the task's failure.
  void defer(std::function<void()> work);

  // For an operand that the task reads or writes: makes stream() wait for what others did with it before, and what
  // others do with it later wait for this task. Gives its address. For buffers only.
  void* reads(const Operand& operand);
  void* writes(const Operand& operand);

  // The libraries' handles, on stream(), made when first asked for. Errors: NoRuntime with what was tried and what to
  // install, OutOfMemory.
  [[nodiscard]] const Cublas& cublas();
  [[nodiscard]] const CublasLt& cublas_lt();
  [[nodiscard]] const Cusolver& cusolver();
  [[nodiscard]] cublasHandle_t cublas_handle();
  [[nodiscard]] cublasLtHandle_t cublas_lt_handle();
  [[nodiscard]] cusolverDnHandle_t cusolver_handle();
  [[nodiscard]] cusolverDnParams_t cusolver_params();
  // The lane's workspace for cuBLAS and cuBLASLt: of its own, so that results do not depend on what other lanes do.
  // Kept until the lane falls idle, or somebody needs the memory more.
  [[nodiscard]] std::span<std::byte> blas_workspace();

  void begin() override;
  std::unique_ptr<Pending> end() noexcept override;
  void idle() noexcept override;
  void record(Event& event) override;
  void wait(Event& event) override;

  // Makes a buffer that this task has just made a thing that it writes.
  void made(std::shared_ptr<CudaBuffer> buffer);
  [[nodiscard]] Context& context() noexcept { return *context_; }
  [[nodiscard]] const std::shared_ptr<Context>& shared_context() noexcept { return context_; }

 private:
  struct Use {
    std::shared_ptr<CudaBuffer> buffer;
    bool wrote;
  };
  template <typename T>
  using Handle = std::unique_ptr<std::remove_pointer_t<T>, void (*)(T)>;

  [[nodiscard]] Temporary take(std::size_t bytes, MemoryKind kind);
  [[nodiscard]] Temporary kept_workspace() noexcept;
  [[nodiscard]] std::shared_ptr<CudaBuffer> buffer_of(const Operand& operand) const;
  [[nodiscard]] Held& held();
  void join(cudaStream_t copies) noexcept;

  CudaDevice& device_;
  std::shared_ptr<Context> context_;
  bool high_priority_;
  cudaStream_t stream_ = nullptr;
  cudaStream_t copy_in_ = nullptr;
  cudaStream_t copy_out_ = nullptr;
  bool stirred_ = false;

  // Of the task in hand.
  bool stream_used_ = false;
  bool copy_in_used_ = false;
  bool copy_out_used_ = false;
  std::unique_ptr<CudaPending> pending_;
  std::vector<Use> uses_;  // of buffers

  Handle<cublasHandle_t> cublas_handle_{nullptr, nullptr};
  Handle<cublasLtHandle_t> cublas_lt_handle_{nullptr, nullptr};
  Handle<cusolverDnHandle_t> cusolver_handle_{nullptr, nullptr};
  Handle<cusolverDnParams_t> cusolver_params_{nullptr, nullptr};
  Temporary blas_workspace_;        // while a task uses it; between tasks the memory pool keeps it
  void* told_workspace_ = nullptr;  // what cublas_handle_ has been told of
};

}  // namespace tensorlane::cuda
