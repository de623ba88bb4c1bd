#include "cuda/runtime/batch.h"

#include <doctest/doctest.h>

#include <random>
#include <thread>

#include "cuda/runtime/context.h"
#include "support/fault_sweep.h"
#include "support/rig.h"

using namespace tensorlane;
using namespace tensorlane::cuda;
using namespace tensorlane::cuda::testing;

namespace {

struct Shape {
  std::size_t batch, item, outputs;  // items, floats of one, results of it
  bool input_on_device = false;
  bool output_on_device = false;
  bool with_shared = false;  // an operand that serves every item
};

// out[i][k] = in[i][0] + k + shared, for the outputs k; through host or device memory.
void run_shape(Rig& rig, const Shape& shape, const BatchSizes& sizes) {
  std::vector<float> given(shape.batch * shape.item);
  for (std::size_t i = 0; i < given.size(); ++i) given[i] = static_cast<float>(i % 1000);
  std::vector<float> shared{shape.with_shared ? 1000.0F : 0.0F};
  std::vector<float> got(shape.batch * shape.outputs, -1);
  std::shared_ptr<Buffer> from;
  std::shared_ptr<Buffer> to;
  if (shape.input_on_device) {
    rig.run([&](Lane& lane) {
      from = rig.device().allocate(lane, given.size() * sizeof(float));
      rig.device().copy(lane, host(given), on_device(from));
    });
  }
  if (shape.output_on_device) {
    rig.run([&](Lane& lane) { to = rig.device().allocate(lane, got.size() * sizeof(float)); });
  }
  std::int64_t next = 0;
  rig.run([&](Lane& lane) {
    CudaLane& here = CudaLane::of(lane);
    next = 0;
    const Operand none;
    const Operand in = from != nullptr ? on_device(from) : host(given);
    const Operand constant = shape.with_shared ? host(shared) : none;
    const Operand out = to != nullptr ? on_device(to) : host(got);
    const BatchOperand inputs[] = {{&in, shape.item * sizeof(float)}, {&constant, 0}};
    const BatchOperand outputs[] = {{&out, shape.outputs * sizeof(float)}, {&none, 4}};
    run_batch(
        here, static_cast<std::int64_t>(shape.batch), inputs, outputs,
        [&](const Chunk& chunk) {
          CHECK(chunk.first == next);
          CHECK(chunk.outputs[1] == nullptr);
          CHECK((chunk.inputs[1] != nullptr) == shape.with_shared);
          next += chunk.count;
          const cudaError_t error = emulation::enqueue(
              here.stream(), [source = chunk.inputs[0], one = chunk.inputs[1], target = chunk.outputs[0],
                              count = static_cast<std::size_t>(chunk.count), shape] {
                const float* a = emulation::on_device(static_cast<const float*>(source));
                float* b = emulation::on_device(static_cast<float*>(target));
                const float more = shape.with_shared ? *emulation::on_device(static_cast<const float*>(one)) : 0.0F;
                for (std::size_t i = 0; i < count; ++i) {
                  for (std::size_t k = 0; k < shape.outputs; ++k) {
                    b[i * shape.outputs + k] = a[i * shape.item] + static_cast<float>(k) + more;
                  }
                }
              });
          check(error, "the operation");
        },
        sizes);
  });
  CHECK(next == static_cast<std::int64_t>(shape.batch));
  if (to != nullptr) rig.run([&](Lane& lane) { rig.device().copy(lane, on_device(to), host(got)); });
  std::size_t wrong = 0;
  for (std::size_t i = 0; i < shape.batch; ++i) {
    for (std::size_t k = 0; k < shape.outputs; ++k) {
      const float expected = given[i * shape.item] + static_cast<float>(k) + shared[0];
      if (got[i * shape.outputs + k] != expected) ++wrong;
    }
  }
  CHECK_MESSAGE(wrong == 0, wrong, " results are wrong");
}

constexpr BatchSizes kSmall{.chunk_bytes = 1024, .piece_bytes = 512, .staged_bytes = 2048};

}  // namespace

TEST_CASE("a batch of any size, cut in any way") {
  const emulation::Live before = alive();
  std::mt19937 random(1);
  const auto between = [&](std::size_t low, std::size_t high) { return low + random() % (high - low + 1); };
  {
    Rig rig({.lanes = 2});
    for (int i = 0; i < 60; ++i) {
      emulation::config().delay_seed = i % 3 == 0 ? 1 + random() : 0;
      const Shape shape{between(0, 200),    between(1, 400),    between(1, 5),
                        between(0, 3) == 0, between(0, 3) == 0, between(0, 1) == 0};
      const BatchSizes sizes{
          .chunk_bytes = between(1, 8192), .piece_bytes = between(1, 4096) * 4, .staged_bytes = between(1, 8192)};
      CAPTURE(i);
      run_shape(rig, shape, sizes);
    }
    emulation::config().delay_seed = 0;
    CHECK(rig.device().memory().used == 0);
    CHECK(rig.device().memory().pinned_used == 0);
  }
  check_nothing_leaked(before);
}

TEST_CASE("an item larger than a chunk goes through bounded pinned memory") {
  Rig rig;
  run_shape(rig, {1, 100000, 3}, kSmall);
  run_shape(rig, {3, 50000, 3}, kSmall);
  CHECK(rig.device().memory().pinned <= 64 * 1024);
}

TEST_CASE("huge items of which two do not fit go one after the other") {
  Rig rig({.memory = {.limit_bytes = 500000}});
  run_shape(rig, {4, 100000, 1}, kSmall);
}

TEST_CASE("only a large batch is copied with helpers, in both directions") {
  const emulation::Live before = alive();
  const bool one_core = std::thread::hardware_concurrency() < 2;
  {
    Rig rig;
    run_shape(rig, {100, 100, 2}, {});
    CHECK(rig.context().copies().helpers() == 0);
    run_shape(rig, {5, 1'000'003, 400'003}, {});
    CHECK((rig.context().copies().helpers() > 0) != one_core);
  }
  check_nothing_leaked(before);
}

TEST_CASE("a small batch is one piece, and the lane does not wait for it") {
  Rig rig;
  std::vector<float> given(16, 1);
  std::vector<float> got(16, 0);
  std::promise<void> go;
  std::shared_future<void> gone(go.get_future());
  int chunks = 0;
  std::future<Outcome> ended = rig.submit([&](Lane& lane) {
    CudaLane& here = CudaLane::of(lane);
    const Operand in = host(given);
    const Operand out = host(got);
    const BatchOperand inputs[] = {{&in, 4}};
    const BatchOperand outputs[] = {{&out, 4}};
    run_batch(here, 16, inputs, outputs, [&](const Chunk& chunk) {
      ++chunks;
      check(emulation::enqueue(here.stream(), [gone] { gone.wait(); }), "a pause");
      add(here.stream(), chunk.inputs[0], chunk.outputs[0], 16, 1);
    });
    // The caller's input may be used again as soon as the task has run.
    std::fill(given.begin(), given.end(), -5.0F);
  });
  std::promise<void> behind;
  std::future<Outcome> second = rig.submit([&](Lane&) { behind.set_value(); });
  CHECK(behind.get_future().wait_for(std::chrono::seconds(60)) == std::future_status::ready);
  go.set_value();
  await(std::move(ended));
  await(std::move(second));
  CHECK(chunks == 1);
  CHECK(got == std::vector<float>(16, 2.0F));
}

TEST_CASE("what the operation throws in the middle of a batch leaves nothing behind") {
  const emulation::Live before = alive();
  emulation::config().delay_seed = 13;
  {
    Rig rig;
    std::vector<float> given(10000, 1);
    std::vector<float> got(10000);
    for (int fail_at = 0; fail_at < 5; ++fail_at) {
      int chunk_number = 0;
      CHECK(code_of([&] {
              rig.run([&](Lane& lane) {
                CudaLane& here = CudaLane::of(lane);
                const Operand in = host(given);
                const Operand out = host(got);
                const BatchOperand inputs[] = {{&in, 400}};
                const BatchOperand outputs[] = {{&out, 400}};
                run_batch(
                    here, 100, inputs, outputs,
                    [&](const Chunk& chunk) {
                      if (chunk_number++ == fail_at) throw Error(Code::NotConverged, "in the middle");
                      add(here.stream(), chunk.inputs[0], chunk.outputs[0], static_cast<std::size_t>(chunk.count) * 100,
                          1);
                    },
                    kSmall);
              });
            }) == Code::NotConverged);
    }
    CHECK(rig.device().memory().used == 0);
    CHECK(rig.device().memory().pinned_used == 0);
  }
  emulation::config().delay_seed = 0;
  check_nothing_leaked(before);
}

TEST_CASE("every call of a batch in one piece may fail") {
  sweep_faults([](Rig& rig) { run_shape(rig, {20, 10, 2, false, false, true}, {}); });
}

TEST_CASE("every call of a batch in chunks may fail") {
  sweep_faults([](Rig& rig) { run_shape(rig, {40, 25, 2, false, false, true}, kSmall); }, {}, 3);
}
