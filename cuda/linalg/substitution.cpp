// Row-major without a transpose: the buffers of A, B and X are, by columns, their transposes, and A X = B is X^T A^T = B^T.
#include "cuda/linalg/substitution.h"

#include <array>
#include <memory>
#include <string>
#include <vector>

#include "cuda/kernels/finite.h"
#include "cuda/kernels/matrix.h"
#include "cuda/kernels/transpose.h"
#include "cuda/linalg/batch_walk.h"
#include "cuda/linalg/common.h"
#include "cuda/linalg/lu.h"
#include "cuda/linalg/systems.h"
#include "cuda/runtime/batch.h"

namespace tensorlane::cuda {
namespace {

// Copies the right-hand sides of the items of a chunk one behind the other.
void gather_right_sides(CudaLane& lane, const SolveTriangularArgs& args, const BatchWalk& walk, const Chunk& chunk) {
  const std::int64_t elements = args.n * args.nrhs;
  const std::size_t one = size_of(args.type);
  void* to = chunk.outputs[0];
  const void* b = chunk.inputs[1];
  if (walk.b_is_item()) {
    check(cudaMemcpyAsync(to, b, bytes_of(args.type, elements * chunk.count), cudaMemcpyDeviceToDevice, lane.stream()),
          "cudaMemcpyAsync");
    return;
  }
  walk.for_each_run(chunk.first, chunk.count,
                    [&](std::int64_t item, std::int64_t size, std::int64_t, std::int64_t from) {
                      // Of a single row: a copy.
                      transpose(lane.stream(), one, at(args.type, b, from * elements), walk.b_step() * elements,
                                at(args.type, to, (item - chunk.first) * elements), elements, size, 1, elements);
                    });
}

void solve_items(const Substitution& substitution, const BatchWalk& walk, const Chunk& chunk,
                 const Matrices& matrices) {
  const SolveTriangularArgs& args = substitution.args;
  void* x = chunk.outputs[0];
  if (walk.a_is_item()) return substitution.solve(matrices, 1, chunk.count, x);
  walk.for_each_run(chunk.first, chunk.count, [&](std::int64_t item, std::int64_t size, std::int64_t a, std::int64_t) {
    const Matrices own{at(args.type, matrices.a, a * args.n * args.n),
                       matrices.pivots == nullptr ? nullptr : matrices.pivots + a * args.n};
    // A contiguous operand advances by one.
    substitution.solve(own, walk.a_step() == 0 ? 0 : 1, size,
                       at(args.type, x, (item - chunk.first) * args.n * args.nrhs));
  });
}

}  // namespace

void run_substitution(CudaLane& lane, const Substitution& substitution) {
  const SolveTriangularArgs& args = substitution.args;
  const DType type = args.type;
  const BatchWalk walk(args.batch_dims, args.a_strides, args.b_strides);
  const std::int64_t b_elements = args.n * args.nrhs;
  const std::size_t a_bytes = bytes_of(type, args.n * args.n);
  const std::size_t b_bytes = bytes_of(type, b_elements);
  if (walk.total() == 0 || a_bytes == 0 || b_bytes == 0) return;
  const auto a_count = static_cast<std::int64_t>(args.a.bytes / a_bytes);
  const auto b_count = static_cast<std::int64_t>(args.b.bytes / b_bytes);

  StatusWords a_not_finite(lane, a_count);
  StatusWords b_not_finite(lane, b_count);
  StatusWords singular(lane, a_count);
  StatusWords wrong_pivot(lane, a_count);
  StatusWords beyond(lane, walk.total());
  const Operand none;
  const bool a_is_item = walk.a_is_item();
  const std::size_t pivot_bytes = bytes_of(DType::Int32, args.n);
  const Operand* pivots = substitution.pivots == nullptr ? &none : substitution.pivots;
  const std::array inputs{
      BatchOperand{&args.a, a_is_item ? a_bytes : 0},
      BatchOperand{&args.b, walk.b_is_item() ? b_bytes : 0},
      BatchOperand{pivots, a_is_item && substitution.pivots != nullptr ? pivot_bytes : 0},
  };
  const std::array outputs{BatchOperand{&args.x, b_bytes}};
  run_batch(lane, walk.total(), inputs, outputs, [&](const Chunk& chunk) {
    const cudaStream_t stream = lane.stream();
    const Matrices matrices{chunk.inputs[0], static_cast<const std::int32_t*>(chunk.inputs[2])};
    // What serves all chunks is looked at with the first one.
    if (a_is_item || chunk.first == 0) {
      const std::int64_t first = a_is_item ? chunk.first : 0;
      substitution.look(matrices, a_is_item ? chunk.count : a_count,
                        {a_not_finite.at(first), singular.at(first), wrong_pivot.at(first)});
    }
    if (walk.b_is_item()) {
      find_not_finite(stream, type, chunk.inputs[1], chunk.count, b_elements, b_not_finite.at(chunk.first));
    } else if (chunk.first == 0) {
      find_not_finite(stream, type, chunk.inputs[1], b_count, b_elements, b_not_finite.at(0));
    }
    gather_right_sides(lane, args, walk, chunk);
    solve_items(substitution, walk, chunk, matrices);
    find_not_finite(stream, type, chunk.outputs[0], chunk.count, b_elements, beyond.at(chunk.first));
  });

  const Systems systems{args.batch_dims, args.a_strides, args.b_strides};
  const auto a_words = std::make_shared<std::vector<int>>();
  const std::string name(substitution.name);
  const auto fail = [systems, total = walk.total()](std::span<const int> words, Code code, const std::string& what) {
    const std::vector<int> of_matrices(words.begin(), words.end());
    throw_for(systems.with(&of_matrices, nullptr), total, code, what);
  };
  a_not_finite.check([a_words](std::span<const int> words) { a_words->assign(words.begin(), words.end()); });
  b_not_finite.check([a_words, systems, name, total = walk.total()](std::span<const int> words) {
    const std::vector<int> b_words(words.begin(), words.end());
    throw_for(systems.with(a_words.get(), &b_words), total, Code::NotFinite,
              name + ": the input has a NaN or an infinity");
  });
  wrong_pivot.check([fail, name](std::span<const int> words) {
    fail(words, Code::Argument, name + ": a pivot is no row of the matrix, counted from 0");
  });
  singular.check([fail, name](std::span<const int> words) {
    fail(words, Code::Singular, name + ": there is a zero on the diagonal, and the matrix is singular");
  });
  beyond.check([name, type](std::span<const int> words) {
    std::vector<std::int64_t> failed;
    for (std::size_t i = 0; i < words.size(); ++i) {
      if (words[i] != 0) failed.push_back(static_cast<std::int64_t>(i));
    }
    throw_beyond(failed, static_cast<std::int64_t>(words.size()), type, (name + ": the solution has elements").c_str());
  });
}

void substitute(CudaLane& lane, DType type, TriangularMatrix triangle, std::int64_t n, std::int64_t nrhs, const void* a,
                std::int64_t step, std::int64_t count, void* x) {
  const int size = to_int(n, "solveTriangular");
  const int columns = to_int(nrhs, "solveTriangular");
  // By columns the matrix is its transpose, and so is the triangle.
  const cublasFillMode_t uplo = triangle.lower ? CUBLAS_FILL_MODE_UPPER : CUBLAS_FILL_MODE_LOWER;
  const cublasOperation_t operation = triangle.transposed ? CUBLAS_OP_T : CUBLAS_OP_N;
  const cublasDiagType_t diagonal = triangle.unit ? CUBLAS_DIAG_UNIT : CUBLAS_DIAG_NON_UNIT;
  with_type(type, [&](auto zero) {
    using T = decltype(zero);
    const T one = 1;
    const Cublas& cublas = lane.cublas();
    if (!goes_batched(n, count)) {
      const auto trsm = pick<T>(cublas.cublasStrsm_v2, cublas.cublasDtrsm_v2);
      for (std::int64_t i = 0; i < count; ++i) {
        check(trsm(lane.cublas_handle(), CUBLAS_SIDE_RIGHT, uplo, operation, diagonal, columns, size, &one,
                   static_cast<const T*>(a) + i * step * n * n, size, static_cast<T*>(x) + i * n * nrhs, columns),
              "cublastrsm");
      }
      return;
    }
    const auto trsm = pick<T>(cublas.cublasStrsmBatched, cublas.cublasDtrsmBatched);
    // What the pointers are made of is only read.
    const Temporary left = pointers_to(lane, type, const_cast<void*>(a), step * n * n, count);
    const Temporary right = pointers_to(lane, type, x, n * nrhs, count);
    in_parts(count, kMostAtOnce, [&](std::int64_t first, std::int64_t some) {
      check(trsm(lane.cublas_handle(), CUBLAS_SIDE_RIGHT, uplo, operation, diagonal, columns, size, &one,
                 left.as<const T*>() + first, size, right.as<T*>() + first, columns, static_cast<int>(some)),
            "cublastrsmBatched");
    });
  });
}

}  // namespace tensorlane::cuda
