// Linear systems by LU factors. The libraries' matrices lie by columns. A is transposed, so that its rows are what is exchanged, as with
// numpy: of its transpose other matrices come out exactly singular. Right-hand sides are transposed in and out where
// they are several; one vector is a column already.
//
// Each different matrix is factorised once, however many systems it serves.
#include <array>
#include <memory>
#include <optional>
#include <utility>

#include "cuda/kernels/finite.h"
#include "cuda/kernels/transpose.h"
#include "cuda/linalg/batch_walk.h"
#include "cuda/linalg/common.h"
#include "cuda/linalg/equilibration.h"
#include "cuda/linalg/far_apart.h"
#include "cuda/linalg/linalg.h"
#include "cuda/linalg/lu.h"
#include "cuda/linalg/systems.h"
#include "cuda/runtime/batch.h"

namespace tensorlane::cuda {
namespace {

// Puts the right-hand sides of the items from `first` on below each other, by columns.
void gather_right_sides(CudaLane& lane, const SolveArgs& args, const BatchWalk& walk, const Chunk& chunk, void* to) {
  const std::int64_t elements = args.n * args.nrhs;
  const void* b = chunk.inputs[1];
  const auto put = [&](std::int64_t item, std::int64_t size, std::int64_t from, std::int64_t step) {
    transpose(lane.stream(), size_of(args.type), at(args.type, b, from * elements), step * elements,
              at(args.type, to, (item - chunk.first) * elements), elements, size, args.n, args.nrhs);
  };
  if (walk.b_is_item()) {
    put(chunk.first, chunk.count, 0, 1);  // the chunk's own part of b
  } else {
    walk.for_each_run(chunk.first, chunk.count,
                      [&](std::int64_t item, std::int64_t size, std::int64_t, std::int64_t from) {
                        put(item, size, from, walk.b_step());
                      });
  }
}

// The matrices of one part of the batch, or of all of it.
struct Factors {
  Equilibration scaled;
  LuFactors lu;
};

void solve_items(CudaLane& lane, const SolveArgs& args, const BatchWalk& walk, const Chunk& chunk,
                 const Factors& factors, void* b) {
  const Temporary exponents = lane.temporary(static_cast<std::size_t>(chunk.count * args.nrhs) * sizeof(int));
  const auto right_of = [&](std::int64_t item) { return at(args.type, b, (item - chunk.first) * args.n * args.nrhs); };
  const auto exponents_of = [&](std::int64_t item) { return exponents.as<int>() + (item - chunk.first) * args.nrhs; };
  const auto solve_run = [&](std::int64_t item, std::int64_t size, std::int64_t a, std::int64_t a_step) {
    void* right = right_of(item);
    int* own = exponents_of(item);
    const std::int64_t vectors = size * args.nrhs;
    factors.scaled.scale_right_sides(a, a_step, args.nrhs, vectors, right, own);
    if (a_step == 0) {
      factors.lu.solve(a, 1, vectors, right);  // one matrix: their columns lie side by side
    } else {
      factors.lu.solve(a, size, args.nrhs, right);
    }
    factors.scaled.scale_solutions(a, a_step, args.nrhs, vectors, own, right);
  };
  const std::int64_t a_step = walk.a_step() == 0 ? 0 : 1;  // a contiguous operand advances by one
  if (walk.a_is_item()) {
    solve_run(chunk.first, chunk.count, 0, 1);
  } else {
    walk.for_each_run(
        chunk.first, chunk.count,
        [&](std::int64_t item, std::int64_t size, std::int64_t a, std::int64_t) { solve_run(item, size, a, a_step); });
  }
  // From the right-hand sides as they were given.
  walk.for_each_run(
      chunk.first, chunk.count, [&](std::int64_t item, std::int64_t size, std::int64_t a, std::int64_t from) {
        const std::int64_t first = walk.a_is_item() ? item - chunk.first : a;
        const std::int64_t right = walk.b_is_item() ? item - chunk.first : from;
        solve_far_apart(lane, args.type, args.n, factors.scaled, factors.lu, first, walk.a_is_item() ? 1 : a_step,
                        {at(args.type, chunk.inputs[1], right * args.n * args.nrhs), walk.b_step()}, args.nrhs,
                        size * args.nrhs, exponents_of(item), right_of(item));
      });
}

}  // namespace

void solve(CudaLane& lane, const SolveArgs& args) {
  const BatchWalk walk(args.batch_dims, args.a_strides, args.b_strides);
  const std::int64_t a_elements = args.n * args.n;
  const std::int64_t b_elements = args.n * args.nrhs;
  const DType type = args.type;
  const std::size_t a_bytes = bytes_of(type, a_elements);
  const std::size_t b_bytes = bytes_of(type, b_elements);
  if (walk.total() == 0 || a_bytes == 0 || b_bytes == 0) return;
  const auto a_count = static_cast<std::int64_t>(args.a.bytes / a_bytes);
  const auto b_count = static_cast<std::int64_t>(args.b.bytes / b_bytes);

  StatusWords a_not_finite(lane, a_count);
  StatusWords b_not_finite(lane, b_count);
  StatusWords singular(lane, a_count);
  StatusWords beyond(lane, walk.total());
  Temporary a;
  std::optional<Factors> factors;
  const auto factorise = [&](const void* from, std::int64_t first, std::int64_t count) {
    factors.reset();
    const Temporary rows = lane.temporary(a_bytes * static_cast<std::size_t>(count));
    copy_finite(lane.stream(), type, from, rows.as(), count, a_elements, a_not_finite.at(first));
    Equilibration scaled(lane, type, args.n, count, rows.as());
    a = lane.temporary(a_bytes * static_cast<std::size_t>(count));
    transpose(lane.stream(), size_of(type), rows.as(), a.as(), count, args.n, args.n);
    factors.emplace(Factors{std::move(scaled), LuFactors(lane, type, args.n, count, a.as(), singular.at(first))});
  };

  const std::array inputs{BatchOperand{&args.a, walk.a_is_item() ? a_bytes : 0},
                          BatchOperand{&args.b, walk.b_is_item() ? b_bytes : 0}};
  const std::array outputs{BatchOperand{&args.x, b_bytes}};
  run_batch(lane, walk.total(), inputs, outputs, [&](const Chunk& chunk) {
    if (walk.a_is_item()) {
      factorise(chunk.inputs[0], chunk.first, chunk.count);
    } else if (chunk.first == 0) {
      factorise(chunk.inputs[0], 0, a_count);
    }
    if (walk.b_is_item()) {
      find_not_finite(lane.stream(), type, chunk.inputs[1], chunk.count, b_elements, b_not_finite.at(chunk.first));
    } else if (chunk.first == 0) {
      find_not_finite(lane.stream(), type, chunk.inputs[1], b_count, b_elements, b_not_finite.at(0));
    }
    void* x = chunk.outputs[0];
    Temporary columns;
    if (args.nrhs > 1) columns = lane.temporary(b_bytes * static_cast<std::size_t>(chunk.count));
    void* right = args.nrhs > 1 ? columns.as() : x;
    gather_right_sides(lane, args, walk, chunk, right);
    solve_items(lane, args, walk, chunk, *factors, right);
    if (args.nrhs > 1) transpose(lane.stream(), size_of(type), right, x, chunk.count, args.nrhs, args.n);
    find_not_finite(lane.stream(), type, x, chunk.count, b_elements, beyond.at(chunk.first));
  });

  const Systems systems{args.batch_dims, args.a_strides, args.b_strides};
  const auto a_words = std::make_shared<std::vector<int>>();
  a_not_finite.check([a_words](std::span<const int> words) { a_words->assign(words.begin(), words.end()); });
  b_not_finite.check([a_words, systems, total = walk.total()](std::span<const int> words) {
    const std::vector<int> b_words(words.begin(), words.end());
    throw_for(systems.with(a_words.get(), &b_words), total, Code::NotFinite,
              "solve: the input has a NaN or an infinity");
  });
  singular.check([systems, total = walk.total()](std::span<const int> words) {
    const std::vector<int> info(words.begin(), words.end());
    throw_for(systems.with(&info, nullptr), total, Code::Singular, "solve: the matrix is singular");
  });
  check_beyond(beyond, type, "solve: the solution has elements");
}

}  // namespace tensorlane::cuda
