// The sum of a diagonal on the CPU: which elements it takes, of every shape and offset, and in which precision.
#include <doctest/doctest.h>

#include <cmath>
#include <cstddef>
#include <cstdint>
#include <limits>
#include <vector>

#include "cpu/cpu_device.h"
#include "support/failure.h"
#include "support/given_request.h"
#include "support/matrices.h"
#include "support/operands.h"

using namespace tensorlane;
using namespace tensorlane::test;

namespace {

template <typename T>
std::vector<T> trace(const std::vector<T>& a, std::int64_t batch, std::int64_t m, std::int64_t n, std::int64_t offset) {
  CpuDevice device(1);
  Lane lane(0);
  std::vector<T> result = unset<T>(batch);
  device.trace(lane, {kDType<T>, batch, m, n, offset, operand(a), operand(result)});
  return result;
}

}  // namespace

TEST_CASE_TEMPLATE("trace: every diagonal of matrices of any shape, and none beyond them", T, float, double) {
  for (const auto& [m, n] : std::vector<std::pair<int, int>>{{1, 1}, {3, 3}, {2, 5}, {5, 2}, {0, 3}, {3, 0}}) {
    // Powers of two, each element another: a sum says which of them are in it.
    std::vector<T> a(static_cast<std::size_t>(2 * m * n));
    for (std::size_t i = 0; i < a.size(); ++i) a[i] = std::ldexp(T{1}, static_cast<int>(i));
    for (int offset = -7; offset <= 7; ++offset) {
      CAPTURE(m);
      CAPTURE(n);
      CAPTURE(offset);
      std::vector<T> expected(2, T{0});
      for (int b = 0; b < 2; ++b) {
        for (int i = 0; i < m; ++i) {
          const int j = i + offset;
          if (j >= 0 && j < n)
            expected[static_cast<std::size_t>(b)] += a[static_cast<std::size_t>((b * m + i) * n + j)];
        }
      }
      CHECK((trace(a, 2, m, n, offset) == expected));
    }
  }
}

TEST_CASE("trace: float32 is summed in float64, what is not finite is let through, and offsets may be of any size") {
  CHECK(trace(std::vector<float>{1e8F, 0, 0, 0, 1, 0, 0, 0, -1e8F}, 1, 3, 3, 0)[0] == 1.0F);
  constexpr float kInfinity = std::numeric_limits<float>::infinity();
  CHECK(trace(std::vector<float>{kInfinity, 0, 0, 1}, 1, 2, 2, 0)[0] == kInfinity);
  CHECK(std::isnan(trace(std::vector<float>{kInfinity, 0, 0, -kInfinity}, 1, 2, 2, 0)[0]));
  constexpr std::int64_t kFar = (std::int64_t{1} << 53) - 1;  // the largest that JS gives
  CHECK(trace(std::vector<double>{1, 2, 3, 4}, 1, 2, 2, kFar)[0] == 0);
  CHECK(trace(std::vector<double>{1, 2, 3, 4}, 1, 2, 2, -kFar)[0] == 0);
  CHECK(trace(std::vector<double>{}, 0, 2, 2, 0).empty());
}

TEST_CASE("trace: its request takes an offset of either sign") {
  GivenRequest request;
  request.texts = {{"type", "float64"}};
  request.integers = {{"batch", 4}, {"m", 2}, {"n", 3}, {"offset", -1}};
  request.operands = {{"a", {nullptr, 192, nullptr}}};
  CHECK(read_operation("trace", request)->pipelines());
  CHECK(request.read["a"] == 192);
  CHECK((request.result_bytes() == std::vector<std::size_t>{32}));
  request.operands["a"].bytes = 191;
  const auto error = failure([&] { static_cast<void>(read_operation("trace", request)); });
  REQUIRE(error.has_value());
  CHECK(error->code() == Code::Shape);
}
