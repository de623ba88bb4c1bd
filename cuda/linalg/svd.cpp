// The singular value decomposition: the choice of a driver, and what is the same for all of them.
#include <algorithm>
#include <array>
#include <memory>
#include <vector>

#include "cuda/kernels/finite.h"
#include "cuda/kernels/matrix.h"
#include "cuda/linalg/common.h"
#include "cuda/linalg/linalg.h"
#include "cuda/linalg/scale.h"
#include "cuda/linalg/svd_choice.h"
#include "cuda/linalg/svd_job.h"
#include "cuda/runtime/batch.h"

namespace tensorlane::cuda {
namespace {

int version_of(const Cusolver& cusolver) {
  int version = 0;
  check(cusolver.cusolverGetVersion(&version), "cusolverGetVersion");
  return version;
}

void run(CudaLane& lane, SvdMethod method, const SvdJob& job, double* perturbations) {
  switch (method) {
    case SvdMethod::Gesvd:
      return svd_gesvd(lane, job);
    case SvdMethod::Gesvdj:
      return svd_gesvdj(lane, job);
    case SvdMethod::GesvdjBatched:
      return svd_gesvdj_batched(lane, job);
    case SvdMethod::Gesvdp:
      return svd_gesvdp(lane, job, perturbations);
    case SvdMethod::Gesvdr:
      return svd_gesvdr(lane, job);
    case SvdMethod::Gesvda:
      return svd_gesvda(lane, job);
  }
}

// Copies matrices to where a driver may destroy them, and makes them such as drivers take.
void prepare(CudaLane& lane, const SvdJob& job, const void* from, int* not_finite, int* magnitudes) {
  copy_finite(lane.stream(), job.type, from, job.a, job.count, job.m * job.n, not_finite);
  scale_to_unit(lane.stream(), job.type, job.a, job.count, job.m * job.n, magnitudes);
}

// Waits for the drivers' verdicts, and decomposes by gesvd what did not converge, or came out perturbed.
void redo_failed(CudaLane& lane, const SvdJob& job, const void* from, int* not_finite, int* magnitudes,
                 const std::vector<double>& perturbations) {
  const std::size_t bytes = sizeof(int) * static_cast<std::size_t>(job.count);
  const auto* info = reinterpret_cast<const int*>(lane.pinned(bytes));
  check(cudaMemcpyAsync(const_cast<int*>(info), job.info, bytes, cudaMemcpyDeviceToHost, lane.stream()),
        "cudaMemcpyAsync");
  check(cudaStreamSynchronize(lane.stream()), "cudaStreamSynchronize");
  for (std::int64_t i = 0; i < job.count; ++i) {
    if (info[i] <= 0 && perturbations[static_cast<std::size_t>(i)] == 0) continue;
    const SvdJob one = job.part(i, 1);
    prepare(lane, one, at(job.type, from, i * job.m * job.n), not_finite + i, magnitudes + i);
    svd_gesvd(lane, one);
  }
}

// With no singular values any orthogonal matrices will do, where there are any.
void without_values(CudaLane& lane, const SvdArgs& args) {
  if (args.mode != SvdMode::Full) return;
  const std::array outputs{BatchOperand{&args.u, bytes_of(args.type, args.m * args.m)},
                           BatchOperand{&args.vt, bytes_of(args.type, args.n * args.n)}};
  run_batch(lane, args.batch, {}, outputs, [&](const Chunk& chunk) {
    const std::array sizes{args.m, args.n};
    for (std::size_t i = 0; i < sizes.size(); ++i) {
      if (sizes[i] == 0) continue;
      set_identity(lane.stream(), args.type, chunk.outputs[i], chunk.count, sizes[i], sizes[i]);
    }
  });
}

}  // namespace

void svd(CudaLane& lane, const SvdArgs& args) {
  check_svd_driver(args);
  if (args.batch == 0) return;
  if (args.m == 0 || args.n == 0) {
    without_values(lane, args);
    return;
  }
  const DType type = args.type;
  const SvdMethod method = choose_svd(args.driver, type, args.batch, args.m, args.n, version_of(lane.cusolver()));
  // What may not converge, or be perturbed, one matrix at a time: the loop waits for the GPU all the same.
  const bool may_redo = args.driver == SvdDriver::Auto && (method == SvdMethod::Gesvdj || method == SvdMethod::Gesvdp);

  SvdJob job{type, args.mode, args.rank, args.max_sweeps, 0, args.m, args.n};
  const std::int64_t values = method == SvdMethod::Gesvdr ? args.rank : job.k();
  const std::int64_t u_columns = method == SvdMethod::Gesvdr ? values : job.u_columns();
  const std::int64_t vt_rows = method == SvdMethod::Gesvdr ? values : job.vt_rows();
  const std::int64_t elements = args.m * args.n;

  StatusWords not_finite(lane, args.batch);
  StatusWords info(lane, args.batch);
  const std::array inputs{BatchOperand{&args.a, job.bytes(elements)}};
  const std::array outputs{BatchOperand{&args.u, job.vectors() ? job.bytes(args.m * u_columns) : 0},
                           BatchOperand{&args.s, job.bytes(values)},
                           BatchOperand{&args.vt, job.vectors() ? job.bytes(vt_rows * args.n) : 0}};
  run_batch(lane, args.batch, inputs, outputs, [&](const Chunk& chunk) {
    const Temporary a = lane.temporary(job.bytes(chunk.count * elements));
    const Temporary magnitudes = lane.temporary(sizeof(int) * static_cast<std::size_t>(chunk.count));
    job.count = chunk.count;
    job.a = a.as();
    job.u = job.vectors() ? chunk.outputs[0] : nullptr;
    job.s = chunk.outputs[1];
    job.vt = job.vectors() ? chunk.outputs[2] : nullptr;
    job.info = info.at(chunk.first);
    const auto perturbations = std::make_shared<std::vector<double>>(static_cast<std::size_t>(chunk.count), 0.0);
    lane.keep(perturbations);
    prepare(lane, job, chunk.inputs[0], not_finite.at(chunk.first), magnitudes.as<int>());
    run(lane, method, job, perturbations->data());
    if (may_redo) {
      redo_failed(lane, job, chunk.inputs[0], not_finite.at(chunk.first), magnitudes.as<int>(), *perturbations);
    }
    scale_back(lane.stream(), type, job.s, chunk.count, values, magnitudes.as<int>());
  });
  not_finite.check(Code::NotFinite, "svd: the input has a NaN or an infinity");
  check_info(info, Code::NotConverged, "svd: the iteration did not converge");
}

}  // namespace tensorlane::cuda
