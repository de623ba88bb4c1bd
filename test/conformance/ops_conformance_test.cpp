// What every device does with tensors of any shape, and that it gives the CPU's own results bit by bit; the values of
// all types and shapes are compared in test/ops.
#include <doctest/doctest.h>

#include <cstddef>
#include <cstdint>
#include <cstring>
#include <functional>
#include <initializer_list>
#include <limits>
#include <numeric>
#include <random>
#include <string>
#include <vector>

#include "cpu/cpu_device.h"
#include "subject.h"
#include "support/failure.h"
#include "support/operands.h"

using namespace tensorlane;
using namespace tensorlane::test;

namespace {

using Indices = std::vector<std::int64_t>;

}  // namespace

TEST_CASE("cast: integers wrap, floats saturate, and of some types there is none") {
  Subject subject({.cores = 1});
  for (const Where where : kPlaces) {
    INFO("in ", name_of(where));
    const std::vector<std::int32_t> a{0, -1, 255, 256, 300, -129};
    std::vector<std::uint8_t> bytes(a.size());
    subject.cast({DType::Int32, DType::UInt8, 6, operand(a), operand(bytes)}, where);
    CHECK((bytes == std::vector<std::uint8_t>{0, 255, 255, 0, 44, 127}));
    const std::vector<double> b{2.9, -2.9, 1e30, -1e30, std::numeric_limits<double>::quiet_NaN(), 0.5};
    std::vector<std::int64_t> whole(b.size());
    subject.cast({DType::Float64, DType::Int64, 6, operand(b), operand(whole)}, where);
    using Limits = std::numeric_limits<std::int64_t>;
    CHECK((whole == Indices{2, -2, Limits::max(), Limits::min(), 0, 0}));
    subject.cast({DType::Float64, DType::Bool, 6, operand(b), operand(bytes)}, where);
    CHECK((bytes == std::vector<std::uint8_t>{1, 1, 1, 1, 1, 1}));
    for (const DType type : {DType::String, DType::Int4, DType::Float8E4M3FN}) {
      const auto error = failure([&] { subject.cast({type, DType::Float32, 0, {}, {}}, where); });
      REQUIRE(error.has_value());
      CHECK(error->code() == Code::DType);
    }
  }
}

TEST_CASE_TEMPLATE("transpose: three axes in all orders, with axes of one and of none", T, std::uint8_t, std::uint16_t,
                   std::uint32_t, std::uint64_t) {
  Subject subject({.cores = 1});
  for (const Where where : kPlaces) {
    INFO("in ", name_of(where));
    const std::vector<Indices> orders{{0, 1, 2}, {0, 2, 1}, {1, 0, 2}, {1, 2, 0}, {2, 0, 1}, {2, 1, 0}};
    for (const Indices& dims : {Indices{2, 3, 4}, Indices{5, 1, 3}, Indices{1, 1, 1}, Indices{3, 0, 2}}) {
      std::vector<T> a(static_cast<std::size_t>(dims[0] * dims[1] * dims[2]));
      std::iota(a.begin(), a.end(), T{1});
      for (const Indices& axes : orders) {
        std::vector<T> result(a.size());
        subject.transpose({sizeof(T), dims, axes, operand(a), operand(result)}, where);
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
}

TEST_CASE_TEMPLATE("topK: equals in order, a NaN first", T, float, double) {
  Subject subject({.cores = 1});
  for (const Where where : kPlaces) {
    INFO("in ", name_of(where));
    const T nan = std::numeric_limits<T>::quiet_NaN();
    const std::vector<T> a{1, 3, 3, -2, 3, 5, nan, 7, -1, nan};
    std::vector<T> values = unset<T>(6);
    Indices indices(6);
    const DType type = sizeof(T) == 4 ? DType::Float32 : DType::Float64;
    subject.top_k({type, 2, 5, 3, operand(a), operand(values), operand(indices)}, where);
    CHECK((indices == Indices{1, 2, 4, 1, 4, 2}));
    CHECK((values[0] == 3 && values[1] == 3 && values[2] == 3 && values[5] == 7));
    CHECK((values[3] != values[3] && values[4] != values[4]));
    subject.top_k({type, 2, 5, 0, operand(a), {}, {}}, where);
  }
}

TEST_CASE_TEMPLATE("hasNonFinite: of each item", T, float, double) {
  Subject subject({.cores = 1});
  for (const Where where : kPlaces) {
    INFO("in ", name_of(where));
    using Limits = std::numeric_limits<T>;
    const std::vector<T> a{
        1, Limits::max(),      Limits::lowest(), Limits::quiet_NaN(), 0, Limits::denorm_min(), -0, Limits::infinity(),
        2, -Limits::infinity()};
    std::vector<std::uint8_t> result(5, 9);
    const DType type = sizeof(T) == 4 ? DType::Float32 : DType::Float64;
    subject.has_non_finite({type, 5, 2, operand(a), operand(result)}, where);
    CHECK((result == std::vector<std::uint8_t>{0, 1, 0, 1, 1}));
    subject.has_non_finite({type, 5, 0, {}, operand(result)}, where);
    CHECK(result == std::vector<std::uint8_t>(5, 0));
  }
}

TEST_CASE("rows: picked and placed, from the end as well, the last one winning") {
  Subject subject({.cores = 1});
  for (const Where where : kPlaces) {
    INFO("in ", name_of(where));
    const std::vector<std::uint16_t> a{1, 2, 3, 4, 5, 6};
    const std::vector<std::int32_t> picked{2, -3, 2};
    std::vector<std::uint16_t> result(6);
    subject.gather({4, 3, 3, DType::Int32, operand(a), operand(picked), operand(result)}, where);
    CHECK((result == std::vector<std::uint16_t>{5, 6, 1, 2, 5, 6}));
    const std::vector<std::uint16_t> updates{10, 11, 12, 13, 14, 15};
    subject.scatter({4, 3, 3, DType::Int32, operand(a), operand(picked), operand(updates), operand(result)}, where);
    CHECK((result == std::vector<std::uint16_t>{12, 13, 3, 4, 14, 15}));
  }
}

TEST_CASE("pad: sequences that are longer, shorter and empty; offsets that are none") {
  Subject subject({.cores = 1});
  for (const Where where : kPlaces) {
    INFO("in ", name_of(where));
    const std::vector<std::uint32_t> a{1, 2, 3, 4, 5};
    const Indices offsets{0, 3, 3, 5};
    PadArgs args{4, 5, 3, 2, {}, operand(a), operand(offsets), {}};
    const std::uint32_t value = 77;
    std::memcpy(args.value.data(), &value, sizeof value);
    std::vector<std::uint32_t> result(6);
    args.result = operand(result);
    subject.pad(args, where);
    CHECK((result == std::vector<std::uint32_t>{1, 2, 77, 77, 4, 5}));
    for (const Indices& wrong : {Indices{0, 3, 2, 5}, Indices{0, 3, 3, 6}, Indices{-1, 3, 3, 5}}) {
      args.offsets = operand(wrong);
      const auto error = failure([&] { subject.pad(args, where); });
      REQUIRE(error.has_value());
      CHECK(error->code() == Code::Argument);
    }
  }
}

TEST_CASE("imageToTensor: a plane for each channel, resized about the pixels' centres") {
  Subject subject({.cores = 1});
  for (const Where where : kPlaces) {
    INFO("in ", name_of(where));
    const std::vector<std::uint8_t> image{0, 100, 40, 200};  // 1 x 2 pixels of 2 channels
    std::vector<float> result = unset<float>(8);
    ImageToTensorArgs args{1, 1, 2, 2, 1, 4, 0.5F, {0, 10}, {1, 2}, false, operand(image), operand(result)};
    subject.image_to_tensor(args, where);
    CHECK((result == std::vector<float>{0, 5, 15, 20, 20, 26.25F, 38.75F, 45}));

    const std::vector<std::uint8_t> pixel{10, 20, 30};
    std::vector<float> swapped = unset<float>(3);
    args = {1, 1, 1, 3, 1, 1, 1.0F, {}, {1, 1, 1}, true, operand(pixel), operand(swapped)};
    subject.image_to_tensor(args, where);
    CHECK((swapped == std::vector<float>{30, 20, 10}));
  }
}

TEST_CASE("rows: an index that is out of range fails the operation, and nothing else") {
  Subject subject({.cores = 1});
  std::vector<float> a(12);
  std::iota(a.begin(), a.end(), 0.0F);
  const std::vector<float> result(12);
  for (const Where where : kPlaces) {
    for (const std::int64_t bad : {std::int64_t{4}, std::int64_t{-5}, std::numeric_limits<std::int64_t>::min()}) {
      INFO(bad, ", in ", name_of(where));
      const Indices indices{0, bad, 1};
      const auto gathered = failure(
          [&] { subject.gather({12, 4, 3, DType::Int64, operand(a), operand(indices), operand(result)}, where); });
      const auto scattered = failure([&] {
        subject.scatter({12, 4, 3, DType::Int64, operand(a), operand(indices), operand(a), operand(result)}, where);
      });
      for (const auto& error : {gathered, scattered}) {
        REQUIRE(error.has_value());
        CHECK(error->code() == Code::Argument);
        CHECK(std::string(error->what()).find("out of range for 4 rows") != std::string::npos);
      }
    }
    const Indices good{3, -4, 1};
    const std::vector<float> rows = unset<float>(9);
    subject.gather({12, 4, 3, DType::Int64, operand(a), operand(good), operand(rows)}, where);
    CHECK((rows == std::vector<float>{9, 10, 11, 0, 1, 2, 3, 4, 5}));
  }
}

namespace {

using ResultBytes = std::vector<std::byte>;

// Small whole numbers, of which sums are exact.
std::vector<float> whole_numbers(std::int64_t count) {
  std::mt19937 random(1);
  std::vector<float> values(static_cast<std::size_t>(count));
  for (float& value : values) value = static_cast<float>(static_cast<int>(random() % 200) - 100);
  return values;
}

// An operation, and what its args leave out: the memory of its results.
template <typename Args>
struct Call {
  void (TensorOperations::*on_cpu)(Lane&, const Args&);
  void (Subject::*operation)(const Args&, Where);
  Args args;
  std::initializer_list<Operand Args::*> outputs;
  std::vector<std::size_t> sizes;  // of the outputs, in bytes
};

template <typename Args>
std::vector<ResultBytes> results_of(const Call<Args>& call, const std::function<void(const Args&)>& run) {
  std::vector<ResultBytes> results;
  for (const std::size_t size : call.sizes) results.emplace_back(size, std::byte{0x5a});
  Args args = call.args;
  std::size_t i = 0;
  for (Operand Args::* output : call.outputs) {
    args.*output = {results[i].data(), results[i].size(), nullptr};
    ++i;
  }
  run(args);
  return results;
}

template <typename Args>
void check_same(const Call<Args>& call) {
  CpuDevice cpu(1);
  Lane lane(0);
  const auto expected = results_of<Args>(call, [&](const Args& args) { (cpu.*call.on_cpu)(lane, args); });
  Subject subject;
  for (const Where where : kPlaces) {
    CAPTURE(name_of(where));
    const auto got = results_of<Args>(call, [&](const Args& args) { (subject.*call.operation)(args, where); });
    CHECK_MESSAGE((got == expected), "the devices differ");
  }
}

}  // namespace

TEST_CASE("ops: the same results as the CPU's from host memory, bit by bit") {
  for (const std::int64_t rows : {std::int64_t{1}, std::int64_t{7}, std::int64_t{300}}) {
    CAPTURE(rows);
    const std::int64_t count = rows * 3 * 16;
    const auto items = static_cast<std::size_t>(rows);
    const std::vector<float> a = whole_numbers(count);
    const Indices picked{-1, 0, rows / 2};
    const std::vector<float> updates(3 * 48, 0.5F);
    check_same<CastArgs>({&Device::cast,
                          &Subject::cast,
                          {DType::Float32, DType::Int16, count, operand(a), {}},
                          {&CastArgs::result},
                          {items * 96}});
    for (const Indices& axes : {Indices{0, 2, 1}, Indices{2, 1, 0}, Indices{1, 0, 2}}) {
      check_same<TransposeArgs>({&Device::transpose,
                                 &Subject::transpose,
                                 {4, {rows, 3, 16}, axes, operand(a), {}},
                                 {&TransposeArgs::result},
                                 {items * 192}});
    }
    for (const Reduction reduction : {Reduction::Sum, Reduction::Max}) {
      check_same<ReduceArgs>({&Device::reduce,
                              &Subject::reduce,
                              {DType::Float32, reduction, {rows, 3, 16}, operand(a), {}},
                              {&ReduceArgs::result},
                              {items * 64}});
    }
    check_same<ArgmaxArgs>({&Device::argmax,
                            &Subject::argmax,
                            {DType::Float32, {rows, 3, 16}, operand(a), {}},
                            {&ArgmaxArgs::result},
                            {items * 128}});
    check_same<TopKArgs>({&Device::top_k,
                          &Subject::top_k,
                          {DType::Float32, rows, 48, 2, operand(a), {}, {}},
                          {&TopKArgs::values, &TopKArgs::indices},
                          {items * 8, items * 16}});
    check_same<HasNonFiniteArgs>({&Device::has_non_finite,
                                  &Subject::has_non_finite,
                                  {DType::Float32, rows, 48, operand(a), {}},
                                  {&HasNonFiniteArgs::result},
                                  {items}});
    check_same<GatherArgs>({&Device::gather,
                            &Subject::gather,
                            {192, rows, 3, DType::Int64, operand(a), operand(picked), {}},
                            {&GatherArgs::result},
                            {3 * 192}});
    check_same<ScatterArgs>({&Device::scatter,
                             &Subject::scatter,
                             {192, rows, 3, DType::Int64, operand(a), operand(picked), operand(updates), {}},
                             {&ScatterArgs::result},
                             {items * 192}});
    const Indices offsets{0, 5, 5, count};
    check_same<PadArgs>({&Device::pad,
                         &Subject::pad,
                         {4, count, 3, 20, {}, operand(a), operand(offsets), {}},
                         {&PadArgs::result},
                         {3 * 80}});
  }
}
