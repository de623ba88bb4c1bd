// The runs of a broadcast batch, against the walk that takes it one by one.
#include "cuda/linalg/batch_walk.h"

#include <doctest/doctest.h>

#include <tuple>
#include <vector>

#include "core/batch_dims.h"
#include "support/broadcast.h"

using namespace tensorlane;
using namespace tensorlane::test;

namespace {

using Item = std::tuple<std::int64_t, std::int64_t, std::int64_t>;

std::int64_t runs_of(const cuda::BatchWalk& walk) {
  std::int64_t runs = 0;
  walk.for_each_run(0, walk.total(), [&](std::int64_t, std::int64_t, std::int64_t, std::int64_t) { ++runs; });
  return runs;
}

cuda::BatchWalk walk_of(const Dims& a, const Dims& b) {
  const Broadcast shape = broadcast(a, b);
  return {shape.dims, shape.a, shape.b};
}

}  // namespace

TEST_CASE("batch walk: the runs of any part are the items of that part") {
  const std::vector<std::pair<Dims, Dims>> shapes{
      {{}, {}},      {{5}, {5}},    {{5}, {}},           {{}, {5}},           {{2, 3}, {3}},
      {{3}, {2, 3}}, {{2, 1}, {3}}, {{2, 1, 3}, {4, 1}}, {{1, 3}, {2, 1}},    {{2, 1, 1, 3}, {1, 2, 1, 1}},
      {{0}, {0}},    {{2, 0}, {1}}, {{2, 3, 4}, {4}},    {{2, 3, 4}, {3, 1}}, {{1, 1}, {1}},
  };
  for (const auto& [a, b] : shapes) {
    const Broadcast shape = broadcast(a, b);
    INFO("a is ", text(a), ", b is ", text(b));
    std::vector<Item> items;
    for_each_batch(shape.dims, shape.a, shape.b,
                   [&](std::int64_t i, std::int64_t ai, std::int64_t bi) { items.emplace_back(i, ai, bi); });
    const cuda::BatchWalk walk(shape.dims, shape.a, shape.b);
    const auto total = static_cast<std::int64_t>(items.size());
    REQUIRE(walk.total() == total);
    bool a_is_item = true;
    bool b_is_item = true;
    for (const auto& [i, ai, bi] : items) {
      a_is_item = a_is_item && ai == i;
      b_is_item = b_is_item && bi == i;
    }
    CHECK((total == 0 || walk.a_is_item() == a_is_item));
    CHECK((total == 0 || walk.b_is_item() == b_is_item));
    for (std::int64_t first = 0; first <= total; ++first) {
      for (std::int64_t count = 0; first + count <= total; ++count) {
        std::vector<Item> seen;
        walk.for_each_run(first, count, [&](std::int64_t item, std::int64_t size, std::int64_t ai, std::int64_t bi) {
          for (std::int64_t i = 0; i < size; ++i) {
            seen.emplace_back(item + i, ai + i * walk.a_step(), bi + i * walk.b_step());
          }
        });
        CHECK(seen == std::vector<Item>(items.begin() + first, items.begin() + first + count));
      }
    }
  }
}

TEST_CASE("batch walk: what can be one run is one run") {
  CHECK(runs_of(walk_of({5}, {5})) == 1);
  CHECK(runs_of(walk_of({2, 3}, {2, 3})) == 1);
  CHECK(runs_of(walk_of({2, 3}, {})) == 1);
  CHECK(runs_of(walk_of({2, 3}, {1, 1})) == 1);
  CHECK(runs_of(walk_of({}, {2, 1, 3})) == 1);
  CHECK(runs_of(walk_of({2, 3}, {3})) == 2);
  CHECK(runs_of(walk_of({4, 2, 3}, {4, 1, 1})) == 4);
  CHECK(walk_of({4}, {}).b_is_shared());
  CHECK(walk_of({2, 3}, {}).b_is_shared());
  CHECK_FALSE(walk_of({2, 3}, {3}).b_is_shared());
  CHECK_FALSE(walk_of({2, 3}, {2, 1}).b_is_shared());
}
