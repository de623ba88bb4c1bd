// QR factors by Householder reflections (geqrf, and orgqr for Q). The libraries want A by columns, and give Q and R so:
// each is transposed, on the way in and on the way out.
#include <algorithm>
#include <array>

#include "cuda/kernels/finite.h"
#include "cuda/kernels/matrix.h"
#include "cuda/kernels/transpose.h"
#include "cuda/linalg/common.h"
#include "cuda/linalg/linalg.h"
#include "cuda/linalg/scale.h"
#include "cuda/runtime/batch.h"

namespace tensorlane::cuda {
namespace {

struct Sizes {
  std::int64_t m, n, k;
  std::int64_t q_columns;  // 0: no Q is wanted
  std::int64_t r_rows;
  std::int64_t work_columns;  // of the matrix in which A becomes Q: m x this

  [[nodiscard]] std::int64_t work_elements() const { return m * work_columns; }
};

Sizes sizes_of(const QrArgs& args) {
  const auto [k, between] = QrSizes(args.mode, args.m, args.n);
  const std::int64_t q_columns = args.mode == QrMode::R ? 0 : between;
  return {args.m, args.n, k, q_columns, between, std::max(args.n, q_columns)};
}

// A, by columns in `work`, to the reflectors and R.
void reflect(CudaLane& lane, DType type, const Sizes& sizes, std::int64_t count, void* work, void* tau, int* info) {
  const Cusolver& cusolver = lane.cusolver();
  const cusolverDnHandle_t handle = lane.cusolver_handle();
  const cusolverDnParams_t params = lane.cusolver_params();
  const cudaDataType data = data_type(type);
  const SolverWorkspace memory(lane, "cusolverDnXgeqrf_bufferSize", [&](std::size_t* device, std::size_t* host) {
    return cusolver.cusolverDnXgeqrf_bufferSize(handle, params, sizes.m, sizes.n, data, work, sizes.m, data, tau, data,
                                                device, host);
  });
  for (std::int64_t i = 0; i < count; ++i) {
    check(cusolver.cusolverDnXgeqrf(handle, params, sizes.m, sizes.n, data, at(type, work, i * sizes.work_elements()),
                                    sizes.m, data, at(type, tau, i * sizes.k), data, memory.device(),
                                    memory.device_bytes(), memory.host(), memory.host_bytes(), info + i),
          "cusolverDnXgeqrf");
  }
}

// The reflectors to Q.
void form_q(CudaLane& lane, DType type, const Sizes& sizes, std::int64_t count, void* work, const void* tau,
            int* info) {
  const int m = to_int(sizes.m, "qr");
  const int columns = to_int(sizes.q_columns, "qr");
  const int k = to_int(sizes.k, "qr");
  with_type(type, [&](auto number) {
    using T = decltype(number);
    const Cusolver& cusolver = lane.cusolver();
    const auto query = pick<T>(cusolver.cusolverDnSorgqr_bufferSize, cusolver.cusolverDnDorgqr_bufferSize);
    const auto orgqr = pick<T>(cusolver.cusolverDnSorgqr, cusolver.cusolverDnDorgqr);
    auto* a = static_cast<T*>(work);
    const auto* scales = static_cast<const T*>(tau);
    int elements = 0;
    check(query(lane.cusolver_handle(), m, columns, k, a, m, scales, &elements), "cusolverDnorgqr_bufferSize");
    const Temporary memory = lane.temporary(bytes_of(type, elements));
    for (std::int64_t i = 0; i < count; ++i) {
      check(orgqr(lane.cusolver_handle(), m, columns, k, a + i * sizes.work_elements(), m, scales + i * sizes.k,
                  memory.as<T>(), elements, info + i),
            "cusolverDnorgqr");
    }
  });
}

}  // namespace

void qr(CudaLane& lane, const QrArgs& args) {
  if (args.batch == 0) return;
  const Sizes sizes = sizes_of(args);
  const DType type = args.type;
  const std::size_t element = size_of(type);
  const std::int64_t a_elements = sizes.m * sizes.n;
  const std::int64_t q_elements = sizes.m * sizes.q_columns;
  StatusWords not_finite(lane, args.batch);
  StatusWords info(lane, args.batch);
  StatusWords beyond(lane, args.batch);
  const std::array inputs{BatchOperand{&args.a, bytes_of(type, a_elements)}};
  const std::array outputs{BatchOperand{&args.q, bytes_of(type, q_elements)},
                           BatchOperand{&args.r, bytes_of(type, sizes.r_rows * sizes.n)}};
  run_batch(lane, args.batch, inputs, outputs, [&](const Chunk& chunk) {
    const cudaStream_t stream = lane.stream();
    void* q = chunk.outputs[0];
    void* r = chunk.outputs[1];
    if (sizes.k == 0) {  // nothing to reflect: any orthogonal matrix will do
      if (q_elements > 0) set_identity(stream, type, q, chunk.count, sizes.m, sizes.q_columns);
      return;
    }
    const std::int64_t count = chunk.count;
    const Temporary rows = lane.temporary(bytes_of(type, count * a_elements));
    const Temporary work = lane.temporary(bytes_of(type, count * sizes.work_elements()));
    const Temporary magnitudes = lane.temporary(sizeof(int) * static_cast<std::size_t>(count));
    const Temporary tau = lane.temporary(bytes_of(type, count * sizes.k));
    copy_finite(stream, type, chunk.inputs[0], rows.as(), count, a_elements, not_finite.at(chunk.first));
    scale_to_unit(stream, type, rows.as(), count, a_elements, magnitudes.as<int>());
    transpose(stream, element, rows.as(), a_elements, work.as(), sizes.work_elements(), count, sizes.m, sizes.n);
    reflect(lane, type, sizes, count, work.as(), tau.as(), info.at(chunk.first));

    // By columns R is upper triangular: the lower triangle, row-major, of the n x m matrix that `work` begins with.
    copy_triangle(stream, type, Triangle::Lower, work.as(), sizes.m, sizes.work_elements(), rows.as(), count, sizes.n,
                  sizes.r_rows);
    transpose(stream, element, rows.as(), r, count, sizes.n, sizes.r_rows);
    scale_back(stream, type, r, count, sizes.r_rows * sizes.n, magnitudes.as<int>());
    find_not_finite(stream, type, r, count, sizes.r_rows * sizes.n, beyond.at(chunk.first));
    if (sizes.q_columns == 0) return;
    form_q(lane, type, sizes, count, work.as(), tau.as(), info.at(chunk.first));
    transpose(stream, element, work.as(), sizes.work_elements(), q, q_elements, count, sizes.q_columns, sizes.m);
  });
  not_finite.check(Code::NotFinite, "qr: the input has a NaN or an infinity");
  check_info(info, Code::Internal, "qr: a factorisation failed");
  check_beyond(beyond, type, "qr: r has elements");
}

}  // namespace tensorlane::cuda
