#include "cuda/kernels/matrix.h"

#include <algorithm>

#include "core/error.h"
#include "kernel_test.h"

namespace tensorlane::test {
namespace {

std::size_t at(std::int64_t i) { return static_cast<std::size_t>(i); }

TEST_CASE_TEMPLATE("kernels: identities", T, float, double) {
  Random random(17);
  const Stream stream;
  for (int n = 0; n < 40; ++n) {
    const std::int64_t batch = between(random, 0, 5);
    const std::int64_t rows = any_size(random, 70);
    const std::int64_t columns = n % 2 == 0 ? rows : any_size(random, 70);
    CAPTURE(batch);
    CAPTURE(rows);
    CAPTURE(columns);
    const Array<T> a(stream, at(batch * rows * columns), any_offset(random, sizeof(T)));
    cuda::set_identity(stream, kFloatType<T>, a.data(), batch, rows, columns);
    std::vector<T> expected(at(batch * rows * columns), T{0});
    for (std::int64_t b = 0; b < batch; ++b) {
      for (std::int64_t i = 0; i < std::min(rows, columns); ++i) expected[at((b * rows + i) * columns + i)] = T{1};
    }
    CHECK(a.fetch() == expected);
  }
}

TEST_CASE_TEMPLATE("kernels: triangles are copied out of larger matrices", T, float, double) {
  Random random(18);
  const Stream stream;
  for (int n = 0; n < 40; ++n) {
    const std::int64_t batch = between(random, 0, n % 4 == 0 ? 80 : 4);
    const std::int64_t rows = any_size(random, n % 4 == 0 ? 9 : 80);
    const std::int64_t columns = any_size(random, n % 4 == 0 ? 9 : 80);
    const std::int64_t pitch = columns + between(random, 0, 5);
    const std::int64_t stride = rows * pitch + between(random, 0, 5);
    const bool lower = n % 2 == 0;
    CAPTURE(batch);
    CAPTURE(rows);
    CAPTURE(columns);
    CAPTURE(pitch);
    CAPTURE(lower);
    const std::vector<T> from = random_values<T>(random, batch * stride, Values::Special);
    const Array<T> source(stream, from, any_offset(random, sizeof(T)));
    const Array<T> target(stream, at(batch * rows * columns));
    cuda::copy_triangle(stream, kFloatType<T>, lower ? cuda::Triangle::Lower : cuda::Triangle::Upper, source.data(),
                        pitch, stride, target.data(), batch, rows, columns);
    std::vector<T> expected(at(batch * rows * columns), T{0});
    for (std::int64_t b = 0; b < batch; ++b) {
      for (std::int64_t i = 0; i < rows; ++i) {
        for (std::int64_t j = 0; j < columns; ++j) {
          if (lower ? j > i : j < i) continue;
          expected[at((b * rows + i) * columns + j)] = from[at(b * stride + i * pitch + j)];
        }
      }
    }
    CHECK_MESSAGE(same_bits(target.fetch(), expected), "the triangles differ");
  }
}

bool close(long double value, long double expected, long double slack) {
  if (std::isnan(expected)) return std::isnan(value);
  if (std::isinf(expected) || expected == 0) return value == expected;
  return std::abs(value - expected) <= slack;
}

template <typename T, typename Pivot>
void check_det(Random& random, const Stream& stream, const std::vector<T>& lu, std::int64_t batch, std::int64_t n) {
  CAPTURE(batch);
  CAPTURE(n);
  CAPTURE(sizeof(Pivot));
  std::vector<Pivot> pivots(at(batch * n));
  for (std::int64_t i = 0; i < batch * n; ++i) pivots[at(i)] = static_cast<Pivot>(between(random, i % n + 1, n));
  const Array<T> factors(stream, lu);
  const Array<Pivot> exchanges(stream, pivots);
  const Array<T> det(stream, at(batch));
  const Array<T> sign(stream, at(batch));
  const Array<T> log_abs(stream, at(batch));
  cuda::det_of_lu(stream, kFloatType<T>, factors.data(), exchanges.data(), sizeof(Pivot), batch, n, det.data(),
                  nullptr);
  cuda::det_of_lu(stream, kFloatType<T>, factors.data(), exchanges.data(), sizeof(Pivot), batch, n, sign.data(),
                  log_abs.data());
  const auto dets = det.fetch();
  const auto signs = sign.fetch();
  const auto logs = log_abs.fetch();
  for (std::int64_t b = 0; b < batch; ++b) {
    CAPTURE(b);
    long double product = 1;
    for (std::int64_t i = 0; i < n; ++i) {
      product *= static_cast<long double>(lu[at((b * n + i) * n + i)]);
      if (pivots[at(b * n + i)] != static_cast<Pivot>(i + 1)) product = -product;
    }
    const auto rounding =
        static_cast<long double>(std::numeric_limits<T>::epsilon()) +
        static_cast<long double>(n) * static_cast<long double>(std::numeric_limits<double>::epsilon());
    const auto expected = static_cast<T>(product);
    const long double log = std::log(std::abs(product));
    CHECK(close(static_cast<long double>(dets[at(b)]),
                std::isinf(expected) ? static_cast<long double>(expected) : product,
                std::abs(product) * rounding + static_cast<long double>(std::numeric_limits<T>::denorm_min())));
    CHECK(close(static_cast<long double>(signs[at(b)]),
                std::isnan(product) ? product : (product == 0 ? 0.0L : (product < 0 ? -1.0L : 1.0L)), 0));
    CHECK(close(static_cast<long double>(logs[at(b)]), log, (std::abs(log) + 1) * rounding));
  }
}

TEST_CASE_TEMPLATE("kernels: determinants of LU factors", T, float, double) {
  Random random(20);
  const Stream stream;
  for (int n = 0; n < 40; ++n) {
    const std::int64_t size = between(random, 1, n % 2 == 0 ? 6 : 60);
    const std::int64_t batch = between(random, 0, size <= 6 ? 100 : 4);
    const auto lu = random_values<T>(random, batch * size * size, n % 5 == 0 ? Values::Ties : Values::Normal);
    check_det<T, std::int32_t>(random, stream, lu, batch, size);
    check_det<T, std::int64_t>(random, stream, lu, batch, size);
  }
}

TEST_CASE_TEMPLATE("kernels: a determinant overflows only where it is too large itself", T, float, double) {
  Random random(21);
  const Stream stream;
  const std::int64_t n = 64;
  for (const int balance : {-1, 0, 1}) {
    std::vector<T> lu(at(n * n), T{7});
    for (std::int64_t i = 0; i < n; ++i) {
      const int exponent = i < n / 2 + 4 * balance ? 100 : -100;
      lu[at(i * n + i)] = std::ldexp(T{1.25}, exponent);
    }
    check_det<T, std::int32_t>(random, stream, lu, 1, n);
  }
  for (const T special : {std::numeric_limits<T>::infinity(), std::numeric_limits<T>::quiet_NaN(),
                          std::numeric_limits<T>::denorm_min(), std::numeric_limits<T>::max(), -T{0}}) {
    check_det<T, std::int64_t>(random, stream, {T{2}, T{0}, T{1}, special}, 1, 2);
  }
}

TEST_CASE("kernels: an empty matrix has the determinant 1") {
  const Stream stream;
  const Array<double> det(stream, 3);
  const Array<double> log_abs(stream, 3);
  cuda::det_of_lu(stream, DType::Float64, nullptr, nullptr, 8, 3, 0, det.data(), log_abs.data());
  CHECK(det.fetch() == std::vector<double>(3, 1.0));
  CHECK(log_abs.fetch() == std::vector<double>(3, 0.0));
}

// What it fills in is used as addresses, by a kernel: only on the device do they mean something.
TEST_CASE("kernels: pointers to the matrices of a batch") {
  const Stream stream;
  for (const std::int64_t count : {0, 1, 5, 1000}) {
    const Array<char> base(stream, at(count * 12 + 1));
    const Array<void*> pointers(stream, at(count));
    cuda::fill_pointers(stream, base.data(), 12, count, pointers.data());
    const auto result = pointers.fetch();
    for (std::int64_t i = 1; i < count; ++i) {
      CHECK(static_cast<char*>(result[at(i)]) - static_cast<char*>(result[0]) == i * 12);
    }
    if (count == 0) continue;
    char value = 0;
    require(cudaMemcpyAsync(&value, result[0], 1, cudaMemcpyDefault, stream));
    stream.wait();
    CHECK(value == Array<char>::filler());
  }
}

TEST_CASE("kernels: matrices of other types are refused") {
  CHECK_THROWS_AS(cuda::set_identity(nullptr, DType::Int32, nullptr, 1, 1, 1), Error);
  CHECK_THROWS_AS(cuda::det_of_lu(nullptr, DType::Float32, nullptr, nullptr, 2, 1, 1, nullptr, nullptr), Error);
}

}  // namespace
}  // namespace tensorlane::test
