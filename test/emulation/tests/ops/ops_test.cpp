// The operations on tensors: what the CPU device gives is what the CUDA device gives, wherever the operands lie; and
// every call that they make may fail.
#include <doctest/doctest.h>

#include <cstring>
#include <functional>
#include <initializer_list>
#include <random>
#include <string>
#include <vector>

#include "cpu/cpu_device.h"
#include "linalg/gpu.h"
#include "support/fault_sweep.h"

using namespace tensorlane;
using namespace tensorlane::test;
using cuda::testing::Rig;
using cuda::testing::sweep_faults;

namespace {

using Bytes = std::vector<std::byte>;
using Indices = std::vector<std::int64_t>;

// Small whole numbers, of which sums are exact.
std::vector<float> numbers(std::int64_t count) {
  std::mt19937 random(1);
  std::vector<float> values(static_cast<std::size_t>(count));
  for (float& value : values) value = static_cast<float>(static_cast<int>(random() % 200) - 100);
  return values;
}

template <typename Args>
struct Call {
  void (TensorOperations::*operation)(Lane&, const Args&);
  Args args;
  std::initializer_list<Operand Args::*> inputs, outputs;
  std::vector<std::size_t> sizes;  // of the outputs, in bytes
};

template <typename Args>
std::vector<Bytes> results_of(const Call<Args>& call, const std::function<void(const Args&)>& run) {
  std::vector<Bytes> results;
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
  const auto expected = results_of<Args>(call, [&](const Args& args) { (cpu.*call.operation)(lane, args); });
  Gpu gpu;
  for (const Where where : {Where::Host, Where::Buffers}) {
    CAPTURE(name_of(where));
    const auto got = results_of<Args>(
        call, [&](const Args& args) { gpu.call(call.operation, args, where, call.inputs, call.outputs); });
    CHECK_MESSAGE((got == expected), "the devices differ");
  }
}

}  // namespace

TEST_CASE("cuda ops: the same results as the CPU device's, bit by bit") {
  for (const std::int64_t rows : {std::int64_t{1}, std::int64_t{7}, std::int64_t{300}}) {
    CAPTURE(rows);
    const std::int64_t count = rows * 3 * 16;
    const auto items = static_cast<std::size_t>(rows);
    const std::vector<float> a = numbers(count);
    const Indices picked{-1, 0, rows / 2};
    const std::vector<float> updates(3 * 48, 0.5F);
    check_same<CastArgs>({&Device::cast,
                          {DType::Float32, DType::Int16, count, operand(a), {}},
                          {&CastArgs::a},
                          {&CastArgs::result},
                          {items * 96}});
    for (const Indices& axes : {Indices{0, 2, 1}, Indices{2, 1, 0}, Indices{1, 0, 2}}) {
      check_same<TransposeArgs>({&Device::transpose,
                                 {4, {rows, 3, 16}, axes, operand(a), {}},
                                 {&TransposeArgs::a},
                                 {&TransposeArgs::result},
                                 {items * 192}});
    }
    for (const Reduction reduction : {Reduction::Sum, Reduction::Max}) {
      check_same<ReduceArgs>({&Device::reduce,
                              {DType::Float32, reduction, {rows, 3, 16}, operand(a), {}},
                              {&ReduceArgs::a},
                              {&ReduceArgs::result},
                              {items * 64}});
    }
    check_same<ArgmaxArgs>({&Device::argmax,
                            {DType::Float32, {rows, 3, 16}, operand(a), {}},
                            {&ArgmaxArgs::a},
                            {&ArgmaxArgs::result},
                            {items * 128}});
    check_same<TopKArgs>({&Device::top_k,
                          {DType::Float32, rows, 48, 2, operand(a), {}, {}},
                          {&TopKArgs::a},
                          {&TopKArgs::values, &TopKArgs::indices},
                          {items * 8, items * 16}});
    check_same<HasNonFiniteArgs>({&Device::has_non_finite,
                                  {DType::Float32, rows, 48, operand(a), {}},
                                  {&HasNonFiniteArgs::a},
                                  {&HasNonFiniteArgs::result},
                                  {items}});
    check_same<GatherArgs>({&Device::gather,
                            {192, rows, 3, DType::Int64, operand(a), operand(picked), {}},
                            {&GatherArgs::a, &GatherArgs::indices},
                            {&GatherArgs::result},
                            {3 * 192}});
    check_same<ScatterArgs>({&Device::scatter,
                             {192, rows, 3, DType::Int64, operand(a), operand(picked), operand(updates), {}},
                             {&ScatterArgs::a, &ScatterArgs::indices, &ScatterArgs::updates},
                             {&ScatterArgs::result},
                             {items * 192}});
    const Indices offsets{0, 5, 5, count};
    check_same<PadArgs>({&Device::pad,
                         {4, count, 3, 20, {}, operand(a), operand(offsets), {}},
                         {&PadArgs::a},
                         {&PadArgs::result},
                         {3 * 80}});
  }
}

TEST_CASE("cuda ops: an index that is out of range fails the task, and nothing else") {
  Gpu gpu;
  const std::vector<float> a = numbers(12);
  const std::vector<float> result(9);
  for (const Where where : {Where::Host, Where::Buffers}) {
    for (const std::int64_t bad : {4, -5}) {
      const Indices indices{0, bad, 1};
      const GatherArgs args{12, 4, 3, DType::Int64, operand(a), operand(indices), operand(result)};
      const auto gather = [&] {
        gpu.call(&Device::gather, args, where, {&GatherArgs::a, &GatherArgs::indices}, {&GatherArgs::result});
      };
      std::string message;
      CHECK(cuda::testing::code_of(gather, &message) == Code::Argument);
      CHECK(message.find("out of range for 4 rows") != std::string::npos);
    }
  }
}

TEST_CASE("cuda ops: any call may fail") {
  const std::vector<float> a = numbers(24);
  const std::vector<std::int64_t> indices{1, -1};
  sweep_faults(
      [&](Rig& rig) {
        const std::vector<float> turned = unset<float>(24);
        rig.run(
            [&](Lane& lane) { rig.device().transpose(lane, {4, {2, 3, 4}, {2, 1, 0}, operand(a), operand(turned)}); });
        REQUIRE((turned[1] == a[12] && turned[2] == a[4]));
        const std::vector<float> sums = unset<float>(8);
        rig.run([&](Lane& lane) {
          rig.device().reduce(lane, {DType::Float32, Reduction::Sum, {2, 3, 4}, operand(a), operand(sums)});
        });
        REQUIRE(sums[0] == a[0] + a[4] + a[8]);
      },
      {}, 2);
  sweep_faults(
      [&](Rig& rig) {
        const std::vector<float> rows = unset<float>(24);
        rig.run([&](Lane& lane) {
          Operand held = operand(indices);
          held.buffer = rig.device().allocate(lane, held.bytes);
          held.data = held.buffer->data();
          rig.device().copy(lane, operand(indices), held);
          rig.device().gather(lane, {48, 2, 2, DType::Int64, operand(a), held, operand(rows)});
        });
        REQUIRE((rows[0] == a[12] && rows[12] == a[12]));
      },
      {}, 2);
}
