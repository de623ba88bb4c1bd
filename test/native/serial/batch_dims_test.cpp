#include "core/batch_dims.h"

#include <doctest/doctest.h>

#include <cstdint>
#include <random>
#include <string>
#include <vector>

#include "support/broadcast.h"

using namespace tensorlane;
using namespace tensorlane::test;

namespace {

struct Visit {
  std::int64_t index, a, b;
  bool operator==(const Visit&) const = default;
};

// What for_each_batch is to do, as nested loops: one level of recursion a dimension.
void visit_nested(const std::vector<std::int64_t>& dims, const Broadcast& strides, std::size_t axis, std::int64_t a,
                  std::int64_t b, std::vector<Visit>& visits) {
  if (axis == dims.size()) {
    visits.push_back({static_cast<std::int64_t>(visits.size()), a, b});
    return;
  }
  for (std::int64_t i = 0; i < dims[axis]; ++i) {
    visit_nested(dims, strides, axis + 1, a + i * strides.a[axis], b + i * strides.b[axis], visits);
  }
}

std::vector<Visit> visit_flat(const Broadcast& shape) {
  std::vector<Visit> visits;
  for_each_batch(shape.dims, shape.a, shape.b,
                 [&](std::int64_t index, std::int64_t a, std::int64_t b) { visits.push_back({index, a, b}); });
  return visits;
}

void compare(const Broadcast& shape) {
  std::vector<Visit> expected;
  visit_nested(shape.dims, shape, 0, 0, 0, expected);
  const std::vector<Visit> visits = visit_flat(shape);
  REQUIRE(visits.size() == expected.size());
  for (std::size_t i = 0; i < visits.size(); ++i) {
    CAPTURE(i);
    REQUIRE(visits[i].index == expected[i].index);
    REQUIRE(visits[i].a == expected[i].a);
    REQUIRE(visits[i].b == expected[i].b);
  }
}

}  // namespace

TEST_CASE("no batch dimensions are one visit") {
  const std::vector<Visit> visits = visit_flat(broadcast({}, {}));
  REQUIRE(visits.size() == 1);
  CHECK(visits[0] == Visit{0, 0, 0});
}

TEST_CASE("a dimension of zero is no visit") {
  for (const std::vector<std::int64_t>& dims : {std::vector<std::int64_t>{0}, {3, 0}, {0, 3}, {2, 0, 4}}) {
    INFO("dims ", text(dims));
    CHECK(visit_flat(broadcast(dims, dims)).empty());
  }
}

TEST_CASE("an operand that is repeated along an axis starts over on it") {
  // a is 2 x 1, b is 3: together 2 x 3.
  const std::vector<Visit> visits = visit_flat(broadcast({2, 1}, {3}));
  const std::vector<Visit> expected{{0, 0, 0}, {1, 0, 1}, {2, 0, 2}, {3, 1, 0}, {4, 1, 1}, {5, 1, 2}};
  CHECK(visits == expected);
}

TEST_CASE("random shapes agree with nested loops") {
  std::mt19937 random(1);
  for (int round = 0; round < 500; ++round) {
    // Broadcast at random: an axis of either operand may be 1, and leading axes may be missing.
    const std::size_t rank = random() % 5;
    std::vector<std::int64_t> a(rank);
    std::vector<std::int64_t> b(rank);
    for (std::size_t axis = 0; axis < rank; ++axis) {
      const auto dim = static_cast<std::int64_t>(random() % 20 == 0 ? 0 : 1 + random() % 4);
      a[axis] = random() % 3 == 0 ? 1 : dim;
      b[axis] = random() % 3 == 0 ? 1 : dim;
    }
    if (rank != 0) b.erase(b.begin(), b.begin() + static_cast<std::ptrdiff_t>(random() % (rank + 1)));
    INFO("a is ", text(a), ", b is ", text(b));
    compare(broadcast(a, b));
  }
}

TEST_CASE("any strides will do") {
  std::mt19937 random(2);
  for (int round = 0; round < 200; ++round) {
    Broadcast shape;
    for (std::size_t axis = random() % 4; axis-- > 0;) {
      shape.dims.push_back(static_cast<std::int64_t>(1 + random() % 3));
      shape.a.push_back(static_cast<std::int64_t>(random() % 11) - 5);
      shape.b.push_back(static_cast<std::int64_t>(random() % 11) - 5);
    }
    INFO("dims ", text(shape.dims), ", strides ", text(shape.a), " and ", text(shape.b));
    compare(shape);
  }
}
