#include "cuda/runtime/lane.h"

#include <algorithm>
#include <utility>

#include "core/error.h"
#include "core/lanes/event.h"
#include "cuda/cuda_device.h"
#include "cuda/libraries/libraries.h"
#include "cuda/memory/cuda_buffer.h"
#include "cuda/runtime/context.h"
#include "cuda/runtime/errors.h"

namespace tensorlane::cuda {
namespace {

// What cuBLAS takes by itself on each architecture, and what its heuristics expect.
constexpr std::size_t kHopperWorkspace = std::size_t{32} << 20U;
constexpr std::size_t kOlderWorkspace = std::size_t{4} << 20U;

}  // namespace

Temporary::Temporary(Temporary&& other) noexcept
    : pool_(other.pool_),
      stream_(other.stream_),
      data_(std::exchange(other.data_, nullptr)),
      bytes_(std::exchange(other.bytes_, 0)),
      kind_(other.kind_) {}

Temporary& Temporary::operator=(Temporary&& other) noexcept {
  if (this == &other) return *this;
  if (data_ != nullptr) pool_->free(stream_, data_, bytes_, kind_);
  pool_ = other.pool_;
  stream_ = other.stream_;
  data_ = std::exchange(other.data_, nullptr);
  bytes_ = std::exchange(other.bytes_, 0);
  kind_ = other.kind_;
  return *this;
}

Temporary::~Temporary() {
  if (data_ != nullptr) pool_->free(stream_, data_, bytes_, kind_);
}

CudaLane::CudaLane(CudaDevice& device, std::size_t index) : device_(device), context_(device.context()) {
  const CudaOptions& options = device.options();
  const std::size_t lanes = options.lanes == 0 ? device.default_lanes() : options.lanes;
  high_priority_ = index + options.high_priority >= lanes;
  watch_this_thread(&context_->health());
  check(cudaSetDevice(context_->device()), "cudaSetDevice");
  stream_ = context_->take_stream(high_priority_);
}

CudaLane::~CudaLane() {
  blas_workspace_ = {};
  static_cast<void>(kept_workspace());
  if (stirred_) context_->lane_idles();
  context_->give_back_stream(stream_, high_priority_);
  context_->give_back_stream(copy_in_, high_priority_);
  context_->give_back_stream(copy_out_, high_priority_);
  cublas_handle_.reset();
  cublas_lt_handle_.reset();
  cusolver_params_.reset();
  cusolver_handle_.reset();
  watch_this_thread(nullptr);
}

cudaStream_t CudaLane::stream() noexcept {
  stream_used_ = true;
  return stream_;
}

cudaStream_t CudaLane::copy_in() {
  if (copy_in_ == nullptr) copy_in_ = context_->take_stream(high_priority_);
  copy_in_used_ = true;
  return copy_in_;
}

cudaStream_t CudaLane::copy_out() {
  if (copy_out_ == nullptr) copy_out_ = context_->take_stream(high_priority_);
  copy_out_used_ = true;
  return copy_out_;
}

void CudaLane::join_copies() noexcept {
  if (copy_in_used_) join(copy_in_);
  if (copy_out_used_) join(copy_out_);
}

void CudaLane::join(cudaStream_t copies) noexcept {
  try {
    context_->events().record(copies)->let_wait(stream_);
    return;
  } catch (...) {
    // Then the host waits.
  }
  const cudaError_t error = cudaStreamSynchronize(copies);
  if (error == cudaSuccess) return;
  context_->health().note(error, "cudaStreamSynchronize");
  context_->health().lose(describe(error, "it cannot be waited for: cudaStreamSynchronize"));
}

Temporary CudaLane::take(std::size_t bytes, MemoryKind kind) {
  stream_used_ = true;
  Temporary temporary;
  temporary.pool_ = &context_->memory();
  temporary.stream_ = stream_;
  temporary.data_ = context_->memory().allocate(stream_, bytes, kind);
  temporary.bytes_ = bytes;
  temporary.kind_ = kind;
  return temporary;
}

Temporary CudaLane::temporary(std::size_t bytes) { return take(bytes, MemoryKind::Operation); }

Held& CudaLane::held() {
  if (pending_ == nullptr) pending_ = std::make_unique<CudaPending>(context_);
  return pending_->held;
}

std::byte* CudaLane::pinned(std::size_t bytes) {
  auto& blocks = held().pinned;
  blocks.push_back(context_->pinned().take(bytes));
  return blocks.back().data();
}

void CudaLane::keep(std::shared_ptr<void> what) { held().kept.push_back(std::move(what)); }

void CudaLane::defer(std::function<void()> work) { held().deferred.push_back(std::move(work)); }

std::shared_ptr<CudaBuffer> CudaLane::buffer_of(const Operand& operand) const {
  auto buffer = std::dynamic_pointer_cast<CudaBuffer>(operand.buffer);
  if (buffer == nullptr) throw Error(Code::Argument, "a tensor in the memory of a CUDA device was expected");
  if (buffer->device() != context_->device()) {
    throw Error(Code::Argument, "the tensor is on CUDA device " + std::to_string(buffer->device()) +
                                    ", the operation on CUDA device " + std::to_string(context_->device()) +
                                    ". Copy it there through the host first");
  }
  return buffer;
}

void* CudaLane::reads(const Operand& operand) {
  auto buffer = buffer_of(operand);
  stream_used_ = true;
  buffer->before_read(stream_);
  uses_.push_back({std::move(buffer), false});
  return operand.data;
}

void* CudaLane::writes(const Operand& operand) {
  auto buffer = buffer_of(operand);
  stream_used_ = true;
  buffer->before_write(stream_);
  uses_.push_back({std::move(buffer), true});
  return operand.data;
}

void CudaLane::made(std::shared_ptr<CudaBuffer> buffer) {
  stream_used_ = true;
  uses_.push_back({std::move(buffer), true});
}

const Cublas& CudaLane::cublas() { return cuda::cublas(); }
const CublasLt& CudaLane::cublas_lt() { return cuda::cublas_lt(); }
const Cusolver& CudaLane::cusolver() { return cuda::cusolver(); }

cublasHandle_t CudaLane::cublas_handle() {
  stream_used_ = true;
  if (cublas_handle_ == nullptr) {
    cublasHandle_t made = nullptr;
    check(cublas().cublasCreate_v2(&made), "cublasCreate");
    Handle<cublasHandle_t> handle(made, [](cublasHandle_t it) { cuda::cublas().cublasDestroy_v2(it); });
    check(cublas().cublasSetStream_v2(made, stream_), "cublasSetStream");
    cublas_handle_ = std::move(handle);
    told_workspace_ = nullptr;
  }
  const std::span<std::byte> workspace = blas_workspace();
  if (told_workspace_ != workspace.data()) {
    check(cublas().cublasSetWorkspace_v2(cublas_handle_.get(), workspace.data(), workspace.size()),
          "cublasSetWorkspace");
    told_workspace_ = workspace.data();
  }
  return cublas_handle_.get();
}

cublasLtHandle_t CudaLane::cublas_lt_handle() {
  stream_used_ = true;
  if (cublas_lt_handle_ == nullptr) {
    cublasLtHandle_t made = nullptr;
    check(cublas_lt().cublasLtCreate(&made), "cublasLtCreate");
    cublas_lt_handle_ = {made, [](cublasLtHandle_t it) { cuda::cublas_lt().cublasLtDestroy(it); }};
  }
  return cublas_lt_handle_.get();
}

cusolverDnHandle_t CudaLane::cusolver_handle() {
  stream_used_ = true;
  if (cusolver_handle_ == nullptr) {
    cusolverDnHandle_t made = nullptr;
    check(cusolver().cusolverDnCreate(&made), "cusolverDnCreate");
    Handle<cusolverDnHandle_t> handle(made, [](cusolverDnHandle_t it) { cuda::cusolver().cusolverDnDestroy(it); });
    check(cusolver().cusolverDnSetStream(made, stream_), "cusolverDnSetStream");
    cusolver_handle_ = std::move(handle);
  }
  return cusolver_handle_.get();
}

cusolverDnParams_t CudaLane::cusolver_params() {
  if (cusolver_params_ == nullptr) {
    cusolverDnParams_t made = nullptr;
    check(cusolver().cusolverDnCreateParams(&made), "cusolverDnCreateParams");
    cusolver_params_ = {made, [](cusolverDnParams_t it) { cuda::cusolver().cusolverDnDestroyParams(it); }};
  }
  return cusolver_params_.get();
}

Temporary CudaLane::kept_workspace() noexcept {
  const KeptWorkspace kept = context_->memory().take_kept(stream_);
  Temporary workspace;
  if (kept.data == nullptr) return workspace;
  workspace.pool_ = &context_->memory();
  workspace.stream_ = stream_;
  workspace.data_ = kept.data;
  workspace.bytes_ = kept.bytes;
  workspace.kind_ = MemoryKind::Workspace;
  return workspace;
}

std::span<std::byte> CudaLane::blas_workspace() {
  stream_used_ = true;
  if (blas_workspace_.bytes() == 0) blas_workspace_ = kept_workspace();
  if (blas_workspace_.bytes() == 0) {
    blas_workspace_ = take(device_.compute_major() >= 9 ? kHopperWorkspace : kOlderWorkspace, MemoryKind::Workspace);
  }
  return {blas_workspace_.as<std::byte>(), blas_workspace_.bytes()};
}

void CudaLane::begin() {
  context_->health().check();
  watch_this_thread(&context_->health());
  // ONNX Runtime, for one, may have left another device behind on this thread.
  check(cudaSetDevice(context_->device()), "cudaSetDevice");
  // Made now, so that end() has nothing to make that could fail.
  if (pending_ == nullptr) pending_ = std::make_unique<CudaPending>(context_);
  if (!stirred_) context_->lane_stirs();
  stirred_ = true;
}

std::unique_ptr<Pending> CudaLane::end() noexcept {
  const bool holds = pending_ != nullptr && !pending_->held.empty();
  if (!stream_used_ && !copy_in_used_ && !copy_out_used_ && !holds) return nullptr;
  join_copies();
  if (blas_workspace_.bytes() != 0) {
    context_->memory().keep({stream_, std::exchange(blas_workspace_.data_, nullptr), blas_workspace_.bytes_});
    blas_workspace_ = {};
  }
  static_cast<void>(held());
  const EventRef event = pending_->start(stream_);
  for (const Use& use : uses_) use.buffer->used(stream_, event, use.wrote);
  uses_.clear();
  stream_used_ = copy_in_used_ = copy_out_used_ = false;
  return std::move(pending_);
}

void CudaLane::idle() noexcept {
  static_cast<void>(kept_workspace());  // freed as it goes out of scope
  if (stirred_) context_->lane_idles();
  stirred_ = false;
}

void CudaLane::record(Event& event) {
  stream_used_ = true;
  join_copies();
  event.device = context_->events().record(stream_);
}

void CudaLane::wait(Event& event) {
  stream_used_ = true;
  event.wait_recorded();
  if (event.device == nullptr) {
    event.wait_done();  // of a device without streams, or one that could not record it
  } else {
    static_cast<const StreamEvent*>(event.device.get())->let_wait(stream_);
  }
}

}  // namespace tensorlane::cuda
