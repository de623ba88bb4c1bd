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
#include "cuda/runtime/context.h"

namespace tensorlane::cuda {
namespace {

int version_of(const Cusolver& cusolver) {
  int version = 0;
  check(cusolver.cusolverGetVersion(&version), "cusolverGetVersion");
  return version;
}

void decompose(CudaLane& lane, SvdMethod method, const SvdJob& job, double* perturbations) {
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

// So many matrices of an operand, from one on.
Operand part_of(const Operand& operand, std::size_t item_bytes, std::int64_t first, std::int64_t count) {
  if (operand.bytes == 0) return operand;
  return {operand.data + static_cast<std::size_t>(first) * item_bytes, static_cast<std::size_t>(count) * item_bytes,
          operand.buffer};
}

// One call's matrices, and what became of each.
class Decomposition {
 public:
  Decomposition(CudaLane& lane, const SvdArgs& args)
      : lane_(lane),
        args_(args),
        not_finite_(lane, args.batch),
        info_(lane, args.batch),
        beyond_(lane, args.batch),
        perturbations_(std::make_shared<std::vector<double>>(static_cast<std::size_t>(args.batch), 0.0)) {
    lane.keep(perturbations_);
  }

  // The matrices from `first` on.
  void run(SvdMethod method, std::int64_t first, std::int64_t count) {
    SvdJob job{args_.type, args_.mode, args_.rank, args_.max_sweeps, 0, args_.m, args_.n};
    const std::int64_t values = method == SvdMethod::Gesvdr ? args_.rank : job.k();
    const std::int64_t u_columns = method == SvdMethod::Gesvdr ? values : job.u_columns();
    const std::int64_t vt_rows = method == SvdMethod::Gesvdr ? values : job.vt_rows();
    const std::int64_t elements = args_.m * args_.n;
    const std::size_t a_bytes = job.bytes(elements);
    const std::size_t u_bytes = job.vectors() ? job.bytes(args_.m * u_columns) : 0;
    const std::size_t s_bytes = job.bytes(values);
    const std::size_t vt_bytes = job.vectors() ? job.bytes(vt_rows * args_.n) : 0;
    const Operand a = part_of(args_.a, a_bytes, first, count);
    const Operand u = part_of(args_.u, u_bytes, first, count);
    const Operand s = part_of(args_.s, s_bytes, first, count);
    const Operand vt = part_of(args_.vt, vt_bytes, first, count);
    const std::array inputs{BatchOperand{&a, a_bytes}};
    const std::array outputs{BatchOperand{&u, u_bytes}, BatchOperand{&s, s_bytes}, BatchOperand{&vt, vt_bytes}};
    run_batch(lane_, count, inputs, outputs, [&](const Chunk& chunk) {
      // Drivers destroy what they are given.
      const Temporary copy = lane_.temporary(job.bytes(chunk.count * elements));
      const Temporary magnitudes = lane_.temporary(sizeof(int) * static_cast<std::size_t>(chunk.count));
      const std::int64_t at = first + chunk.first;
      job.count = chunk.count;
      job.a = copy.as();
      job.u = job.vectors() ? chunk.outputs[0] : nullptr;
      job.s = chunk.outputs[1];
      job.vt = job.vectors() ? chunk.outputs[2] : nullptr;
      job.info = info_.at(at);
      copy_finite(lane_.stream(), job.type, chunk.inputs[0], job.a, job.count, elements, not_finite_.at(at));
      scale_to_unit(lane_.stream(), job.type, job.a, job.count, elements, magnitudes.as<int>());
      decompose(lane_, method, job, perturbations_->data() + at);
      scale_back(lane_.stream(), job.type, job.s, chunk.count, values, magnitudes.as<int>());
      find_not_finite(lane_.stream(), job.type, job.s, chunk.count, values, beyond_.at(at));
    });
  }

  // Waits for the drivers' verdicts, and decomposes by gesvd what did not converge, or came out perturbed.
  void redo_failed() {
    const std::size_t bytes = sizeof(int) * static_cast<std::size_t>(args_.batch);
    std::byte* words = lane_.pinned(bytes);
    check(cudaMemcpyAsync(words, info_.at(0), bytes, cudaMemcpyDeviceToHost, lane_.stream()), "cudaMemcpyAsync");
    lane_.context().events().record(lane_.stream())->wait();
    const auto* info = reinterpret_cast<const int*>(words);
    const auto failed = [&](std::int64_t i) {
      return info[i] > 0 || (*perturbations_)[static_cast<std::size_t>(i)] != 0;
    };
    for (std::int64_t first = 0; first < args_.batch; ++first) {
      if (!failed(first)) continue;
      std::int64_t end = first + 1;
      while (end < args_.batch && failed(end)) ++end;
      const std::size_t flags = sizeof(int) * static_cast<std::size_t>(end - first);
      check(cudaMemsetAsync(beyond_.at(first), 0, flags, lane_.stream()), "cudaMemsetAsync");
      run(SvdMethod::Gesvd, first, end - first);
      first = end;  // which has not failed
    }
  }

  // Errors, when the device has done the work: NotFinite, NotConverged.
  void check_outcome() {
    not_finite_.check(Code::NotFinite, "svd: the input has a NaN or an infinity");
    check_info(info_, Code::NotConverged, "svd: the iteration did not converge");
    check_beyond(beyond_, args_.type, "svd: there are singular values");
  }

 private:
  CudaLane& lane_;
  const SvdArgs& args_;
  StatusWords not_finite_;
  StatusWords info_;
  StatusWords beyond_;
  std::shared_ptr<std::vector<double>> perturbations_;  // by gesvdp, of each matrix
};

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
  const SvdMethod method = choose_svd(args.driver, args.type, args.batch, args.m, args.n, version_of(lane.cusolver()));
  say_ran(args.ran, name_of(method));
  Decomposition all(lane, args);
  all.run(method, 0, args.batch);
  // By its own choice of a driver it is done right, or not at all; what the user chose is what is done.
  if (args.driver == SvdDriver::Auto && method != SvdMethod::Gesvd) all.redo_failed();
  all.check_outcome();
}

}  // namespace tensorlane::cuda
