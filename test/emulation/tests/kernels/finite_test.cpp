#include "cuda/kernels/finite.h"

#include "core/error.h"
#include "kernel_test.h"

namespace tensorlane::test {
namespace {

template <typename T>
void check_finite(Random& random, const Stream& stream, std::int64_t items, std::int64_t elements, bool often,
                  std::size_t from_at, std::size_t to_at) {
  using Limits = std::numeric_limits<T>;
  CAPTURE(items);
  CAPTURE(elements);
  CAPTURE(from_at);
  CAPTURE(to_at);
  std::vector<T> from = random_values<T>(random, items * elements);
  const T bad[] = {Limits::quiet_NaN(), -Limits::quiet_NaN(), Limits::infinity(), -Limits::infinity()};
  const T good[] = {Limits::max(), Limits::lowest(), Limits::denorm_min(), -T{0}};
  std::vector<int> flags(static_cast<std::size_t>(items));
  std::vector<int> expected_flags = flags;
  std::vector<T> expected;
  for (std::int64_t i = 0; i < items; ++i) {
    const auto item = static_cast<std::size_t>(i);
    T* first = from.data() + i * elements;
    flags[item] = static_cast<int>(between(random, 0, 3));  // from what was looked at before
    expected_flags[item] = flags[item];
    if (elements > 0) first[between(random, 0, elements - 1)] = good[between(random, 0, 3)];
    const bool spoiled = elements > 0 && between(random, 0, 2) == 0;
    if (spoiled) {
      for (std::int64_t n = often ? elements : 1; n > 0; --n) {
        first[between(random, 0, elements - 1)] = bad[between(random, 0, 3)];
      }
      expected_flags[item] |= 1;
    }
    for (std::int64_t e = 0; e < elements; ++e) expected.push_back(spoiled ? T{0} : first[e]);
  }
  const Array<T> source(stream, from, from_at * sizeof(T));
  const Array<T> target(stream, from.size(), to_at * sizeof(T));
  const Array<int> found(stream, flags);
  cuda::find_not_finite(stream, kFloatType<T>, source.data(), items, elements, found.data());
  CHECK(found.fetch() == expected_flags);
  const Array<int> copied(stream, flags);
  cuda::copy_finite(stream, kFloatType<T>, source.data(), target.data(), items, elements, copied.data());
  CHECK(copied.fetch() == expected_flags);
  CHECK_MESSAGE(same_bits(target.fetch(), expected), "the copies differ");
  const Array<int> again(stream, flags);
  cuda::copy_finite(stream, kFloatType<T>, source.data(), source.data(), items, elements, again.data());
  CHECK(again.fetch() == expected_flags);
  CHECK_MESSAGE(same_bits(source.fetch(), expected), "what was copied onto itself differs");
}

TEST_CASE_TEMPLATE("kernels: a NaN or an infinity is found wherever it is, and its item comes out as zeros", T, float,
                   double) {
  Random random(16);
  const Stream stream;
  for (int i = 0; i < some(60); ++i) {
    const std::int64_t elements = any_size(random, i % 3 == 0 ? 3000 : 80);
    const std::int64_t items = elements <= 80 ? any_size(random, 300) : between(random, 0, 5);
    check_finite<T>(random, stream, items, elements, i % 2 == 0, static_cast<std::size_t>(between(random, 0, 3)),
                    static_cast<std::size_t>(between(random, 0, 3)));
  }
  for (const std::int64_t elements : {512, 513, 32'768, 32'769, 70'000}) {
    check_finite<T>(random, stream, 3, elements, false, 0, 0);
    check_finite<T>(random, stream, 2, elements, true, 1, 0);
  }
  if (kSpeed >= 2) {
    check_finite<T>(random, stream, 70'000, 600, false, 0, 0);
    check_finite<T>(random, stream, 6'000'000, 3, false, 0, 0);
    check_finite<T>(random, stream, 1, 50'000'000, false, 0, 0);
  }
}

TEST_CASE("kernels: other types are not looked at") {
  CHECK_THROWS_AS(cuda::find_not_finite(nullptr, DType::Float16, nullptr, 1, 1, nullptr), Error);
}

}  // namespace
}  // namespace tensorlane::test
