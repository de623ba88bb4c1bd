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
}
