// Cholesky factors. The lower triangle of a row-major matrix is the upper one of what the libraries see, and the upper
// factor that they give there is, row-major, the lower factor: nothing needs to be transposed.
#include <array>

#include "cuda/kernels/finite.h"
#include "cuda/kernels/matrix.h"
#include "cuda/linalg/common.h"
#include "cuda/linalg/linalg.h"
#include "cuda/linalg/lu.h"
#include "cuda/runtime/batch.h"

namespace tensorlane::cuda {
namespace {

void factorise_batch(CudaLane& lane, DType type, std::int64_t n, std::int64_t count, void* a, int* info) {
  const Temporary pointers = pointers_to(lane, type, a, n * n, count);
  const int size = to_int(n, "cholesky");
  with_type(type, [&](auto number) {
    using T = decltype(number);
    const Cusolver& cusolver = lane.cusolver();
    const auto potrf = pick<T>(cusolver.cusolverDnSpotrfBatched, cusolver.cusolverDnDpotrfBatched);
    in_parts(count, kMostAtOnce, [&](std::int64_t first, std::int64_t some) {
      check(potrf(lane.cusolver_handle(), CUBLAS_FILL_MODE_UPPER, size, pointers.as<T*>() + first, size, info + first,
                  static_cast<int>(some)),
            "cusolverDnpotrfBatched");
    });
  });
}

void factorise_each(CudaLane& lane, DType type, std::int64_t n, std::int64_t count, void* a, int* info) {
  const Cusolver& cusolver = lane.cusolver();
  const cusolverDnHandle_t handle = lane.cusolver_handle();
  const cusolverDnParams_t params = lane.cusolver_params();
  const cudaDataType data = data_type(type);
  const SolverWorkspace work(lane, "cusolverDnXpotrf_bufferSize", [&](std::size_t* device, std::size_t* host) {
    return cusolver.cusolverDnXpotrf_bufferSize(handle, params, CUBLAS_FILL_MODE_UPPER, n, data, a, n, data, device,
                                                host);
  });
  for (std::int64_t i = 0; i < count; ++i) {
    check(cusolver.cusolverDnXpotrf(handle, params, CUBLAS_FILL_MODE_UPPER, n, data, at(type, a, i * n * n), n, data,
                                    work.device(), work.device_bytes(), work.host(), work.host_bytes(), info + i),
          "cusolverDnXpotrf");
  }
}

}  // namespace

void cholesky(CudaLane& lane, const CholeskyArgs& args) {
  const std::int64_t elements = args.n * args.n;
  if (args.batch == 0 || elements == 0) return;
  StatusWords not_finite(lane, args.batch);
  StatusWords not_definite(lane, args.batch);
  const std::size_t bytes = bytes_of(args.type, elements);
  const std::array inputs{BatchOperand{&args.a, bytes}};
  const std::array outputs{BatchOperand{&args.l, bytes}};
  run_batch(lane, args.batch, inputs, outputs, [&](const Chunk& chunk) {
    void* l = chunk.outputs[0];
    const Temporary work = lane.temporary(bytes * static_cast<std::size_t>(chunk.count));
    // Only the lower triangle counts, also when looking for NaNs.
    copy_triangle(lane.stream(), args.type, Triangle::Lower, chunk.inputs[0], args.n, elements, l, chunk.count, args.n,
                  args.n);
    copy_finite(lane.stream(), args.type, l, work.as(), chunk.count, elements, not_finite.at(chunk.first));
    int* info = not_definite.at(chunk.first);
    if (goes_batched(args.n, chunk.count)) {
      factorise_batch(lane, args.type, args.n, chunk.count, work.as(), info);
    } else {
      factorise_each(lane, args.type, args.n, chunk.count, work.as(), info);
    }
    // The batched routine uses the other triangle for its own purposes.
    copy_triangle(lane.stream(), args.type, Triangle::Lower, work.as(), args.n, elements, l, chunk.count, args.n,
                  args.n);
  });
  not_finite.check(Code::NotFinite, "cholesky: the input has a NaN or an infinity");
  check_info(not_definite, Code::NotPositiveDefinite, "cholesky: the matrix is not positive definite");
}

}  // namespace tensorlane::cuda
