// What the CPU does with tensors of any shape; the values of all types and shapes are compared in test/ops.
#include <doctest/doctest.h>

#include <cstddef>
#include <cstdint>
#include <cstring>
#include <limits>
#include <numeric>
#include <vector>

#include "cpu/cpu_device.h"
#include "support/failure.h"
#include "support/operands.h"

using namespace tensorlane;
using namespace tensorlane::test;

namespace {

template <typename Args>
void run(void (TensorOperations::*operation)(Lane&, const Args&), const Args& args) {
  CpuDevice device(1);
  Lane lane(0);
  (device.*operation)(lane, args);
}

using Indices = std::vector<std::int64_t>;

}  // namespace

TEST_CASE("cast: integers wrap, floats saturate, and of some types there is none") {
  const std::vector<std::int32_t> a{0, -1, 255, 256, 300, -129};
  std::vector<std::uint8_t> bytes(a.size());
  run(&Device::cast, {DType::Int32, DType::UInt8, 6, operand(a), operand(bytes)});
  CHECK((bytes == std::vector<std::uint8_t>{0, 255, 255, 0, 44, 127}));
  const std::vector<double> b{2.9, -2.9, 1e30, -1e30, std::numeric_limits<double>::quiet_NaN(), 0.5};
  std::vector<std::int64_t> whole(b.size());
  run(&Device::cast, {DType::Float64, DType::Int64, 6, operand(b), operand(whole)});
  using Limits = std::numeric_limits<std::int64_t>;
  CHECK((whole == Indices{2, -2, Limits::max(), Limits::min(), 0, 0}));
  run(&Device::cast, {DType::Float64, DType::Bool, 6, operand(b), operand(bytes)});
  CHECK((bytes == std::vector<std::uint8_t>{1, 1, 1, 1, 1, 1}));
  for (const DType type : {DType::String, DType::Int4, DType::Float8E4M3FN}) {
    const auto error = failure([&] { run(&Device::cast, {type, DType::Float32, 0, {}, {}}); });
    REQUIRE(error.has_value());
    CHECK(error->code() == Code::DType);
  }
}

TEST_CASE_TEMPLATE("transpose: three axes in all orders, with axes of one and of none", T, std::uint8_t, std::uint16_t,
                   std::uint32_t, std::uint64_t) {
  const std::vector<Indices> orders{{0, 1, 2}, {0, 2, 1}, {1, 0, 2}, {1, 2, 0}, {2, 0, 1}, {2, 1, 0}};
  for (const Indices& dims : {Indices{2, 3, 4}, Indices{5, 1, 3}, Indices{1, 1, 1}, Indices{3, 0, 2}}) {
    std::vector<T> a(static_cast<std::size_t>(dims[0] * dims[1] * dims[2]));
    std::iota(a.begin(), a.end(), T{1});
    for (const Indices& axes : orders) {
      std::vector<T> result(a.size());
      run(&Device::transpose, {sizeof(T), dims, axes, operand(a), operand(result)});
      const auto size = [&](std::size_t i) { return dims[static_cast<std::size_t>(axes[i])]; };
      Indices at(3);
      for (at[0] = 0; at[0] < dims[0]; ++at[0]) {
        for (at[1] = 0; at[1] < dims[1]; ++at[1]) {
          for (at[2] = 0; at[2] < dims[2]; ++at[2]) {
            const auto place = [&](std::size_t i) { return at[static_cast<std::size_t>(axes[i])]; };
            const std::int64_t to = (place(0) * size(1) + place(1)) * size(2) + place(2);
            const std::int64_t from = (at[0] * dims[1] + at[1]) * dims[2] + at[2];
            REQUIRE(result[static_cast<std::size_t>(to)] == a[static_cast<std::size_t>(from)]);
          }
        }
      }
    }
  }
}

TEST_CASE_TEMPLATE("topK: equals in order, a NaN first", T, float, double) {
  const T nan = std::numeric_limits<T>::quiet_NaN();
  const std::vector<T> a{1, 3, 3, -2, 3, 5, nan, 7, -1, nan};
  std::vector<T> values = unset<T>(6);
  Indices indices(6);
  const DType type = sizeof(T) == 4 ? DType::Float32 : DType::Float64;
  run(&Device::top_k, {type, 2, 5, 3, operand(a), operand(values), operand(indices)});
  CHECK((indices == Indices{1, 2, 4, 1, 4, 2}));
  CHECK((values[0] == 3 && values[1] == 3 && values[2] == 3 && values[5] == 7));
  CHECK((values[3] != values[3] && values[4] != values[4]));
  run(&Device::top_k, {type, 2, 5, 0, operand(a), {}, {}});
}

TEST_CASE_TEMPLATE("hasNonFinite: of each item", T, float, double) {
  using Limits = std::numeric_limits<T>;
  const std::vector<T> a{
      1, Limits::max(),      Limits::lowest(), Limits::quiet_NaN(), 0, Limits::denorm_min(), -0, Limits::infinity(),
      2, -Limits::infinity()};
  std::vector<std::uint8_t> result(5, 9);
  const DType type = sizeof(T) == 4 ? DType::Float32 : DType::Float64;
  run(&Device::has_non_finite, {type, 5, 2, operand(a), operand(result)});
  CHECK((result == std::vector<std::uint8_t>{0, 1, 0, 1, 1}));
  run(&Device::has_non_finite, {type, 5, 0, {}, operand(result)});
  CHECK(result == std::vector<std::uint8_t>(5, 0));
}

TEST_CASE("rows: picked and placed, from the end as well, the last one winning") {
  const std::vector<std::uint16_t> a{1, 2, 3, 4, 5, 6};
  const std::vector<std::int32_t> picked{2, -3, 2};
  std::vector<std::uint16_t> result(6);
  run(&Device::gather, {4, 3, 3, DType::Int32, operand(a), operand(picked), operand(result)});
  CHECK((result == std::vector<std::uint16_t>{5, 6, 1, 2, 5, 6}));
  const std::vector<std::uint16_t> updates{10, 11, 12, 13, 14, 15};
  run(&Device::scatter, {4, 3, 3, DType::Int32, operand(a), operand(picked), operand(updates), operand(result)});
  CHECK((result == std::vector<std::uint16_t>{12, 13, 3, 4, 14, 15}));
}

TEST_CASE("rows: an index that is out of range is an error, before anything is written") {
  const std::vector<std::uint8_t> a{1, 2, 3};
  for (const std::int64_t bad : {std::int64_t{3}, std::int64_t{-4}, std::numeric_limits<std::int64_t>::min()}) {
    CAPTURE(bad);
    const Indices indices{0, bad};
    std::vector<std::uint8_t> result(3, 9);
    const auto gathered =
        failure([&] { run(&Device::gather, {1, 3, 2, DType::Int64, operand(a), operand(indices), operand(result)}); });
    const auto scattered = failure([&] {
      run(&Device::scatter, {1, 3, 2, DType::Int64, operand(a), operand(indices), operand(a), operand(result)});
    });
    REQUIRE((gathered.has_value() && scattered.has_value()));
    CHECK((gathered->code() == Code::Argument && scattered->code() == Code::Argument));
    CHECK(std::string(gathered->what()).find("at 1 is out of range for 3 rows") != std::string::npos);
    CHECK(result == std::vector<std::uint8_t>(3, 9));
  }
}

TEST_CASE("pad: sequences that are longer, shorter and empty; offsets that are none") {
  const std::vector<std::uint32_t> a{1, 2, 3, 4, 5};
  const Indices offsets{0, 3, 3, 5};
  PadArgs args{4, 5, 3, 2, {}, operand(a), operand(offsets), {}};
  const std::uint32_t value = 77;
  std::memcpy(args.value.data(), &value, sizeof value);
  std::vector<std::uint32_t> result(6);
  args.result = operand(result);
  run(&Device::pad, args);
  CHECK((result == std::vector<std::uint32_t>{1, 2, 77, 77, 4, 5}));
  for (const Indices& wrong : {Indices{0, 3, 2, 5}, Indices{0, 3, 3, 6}, Indices{-1, 3, 3, 5}}) {
    args.offsets = operand(wrong);
    const auto error = failure([&] { run(&Device::pad, args); });
    REQUIRE(error.has_value());
    CHECK(error->code() == Code::Argument);
  }
}

TEST_CASE("imageToTensor: a plane for each channel, resized about the pixels' centres") {
  const std::vector<std::uint8_t> image{0, 100, 40, 200};  // 1 x 2 pixels of 2 channels
  std::vector<float> result = unset<float>(8);
  ImageToTensorArgs args{1, 1, 2, 2, 1, 4, 0.5F, {0, 10}, {1, 2}, false, operand(image), operand(result)};
  run(&Device::image_to_tensor, args);
  CHECK((result == std::vector<float>{0, 5, 15, 20, 20, 26.25F, 38.75F, 45}));

  const std::vector<std::uint8_t> pixel{10, 20, 30};
  std::vector<float> swapped = unset<float>(3);
  args = {1, 1, 1, 3, 1, 1, 1.0F, {}, {1, 1, 1}, true, operand(pixel), operand(swapped)};
  run(&Device::image_to_tensor, args);
  CHECK((swapped == std::vector<float>{30, 20, 10}));
}
