// The operations on tensors: every call that they make may fail.
#include <doctest/doctest.h>

#include <cstdint>
#include <numeric>
#include <vector>

#include "support/fault_sweep.h"
#include "support/operands.h"

using namespace tensorlane;
using namespace tensorlane::test;
using cuda::testing::Rig;
using cuda::testing::sweep_faults;

TEST_CASE("cuda ops: any call may fail") {
  std::vector<float> a(24);
  std::iota(a.begin(), a.end(), 1.0F);
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
  const std::vector<std::uint8_t> condition{1, 0};
  BroadcastWalk<2> rows;  // of 2 x 12 and 12
  rows.axes = {{2, {12, 0}}, {12, {1, 1}}};
  rows.total = 24;
  rows.counts = {24, 12};
  BroadcastWalk<3> chosen;  // of 2 x 1, 2 x 12 and 12
  chosen.axes = {{2, {1, 12, 0}}, {12, {0, 1, 1}}};
  chosen.total = 24;
  chosen.counts = {2, 24, 12};
  Operand row = operand(a);
  row.bytes = 48;
  sweep_faults(
      [&](Rig& rig) {
        const std::vector<float> sum = unset<float>(24);
        rig.run([&](Lane& lane) {
          rig.device().binary(lane, {DType::Float32, BinaryOp::Add, rows, operand(a), row, operand(sum)});
        });
        REQUIRE((sum[0] == a[0] + a[0] && sum[23] == a[23] + a[11]));
        const std::vector<float> roots = unset<float>(24);
        rig.run([&](Lane& lane) {
          rig.device().unary(lane, {DType::Float32, UnaryOp::Sqrt, 24, operand(a), operand(roots)});
        });
        REQUIRE(roots[3] == 2.0F);
        const std::vector<float> picked = unset<float>(24);
        rig.run([&](Lane& lane) {
          rig.device().where(lane, {4, chosen, operand(condition), operand(a), row, operand(picked)});
        });
        REQUIRE((picked[1] == a[1] && picked[13] == a[1]));
        const std::vector<float> shares = unset<float>(24);
        rig.run(
            [&](Lane& lane) { rig.device().softmax(lane, {DType::Float32, {2, 12, 1}, operand(a), operand(shares)}); });
        REQUIRE((shares[11] > shares[10] && shares[11] < 1.0F));
      },
      {}, 2);
}
