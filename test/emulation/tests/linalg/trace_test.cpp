// The sum of a diagonal by our kernel, compared with the CPU device's.
#include <doctest/doctest.h>

#include <cstdint>
#include <vector>

#include "cpu/cpu_device.h"
#include "linalg/gpu.h"
#include "support/matrices.h"
#include "support/operands.h"

using namespace tensorlane;
using namespace tensorlane::test;

// Groups of every number of lanes, and diagonals long enough for a whole block; more matrices than a block has groups.
TEST_CASE_TEMPLATE("cuda trace: matrices of any shape, diagonals of any length", T, float, double) {
  Gpu gpu;
  CpuDevice cpu(1);
  Lane lane(0);
  struct Case {
    std::int64_t batch, m, n;
  };
  for (const Case& one : {Case{1, 1, 1},
                          {70, 3, 3},
                          {3, 2, 7},
                          {3, 7, 2},
                          {2, 128, 128},
                          {3, 129, 140},
                          {2, 600, 300},
                          {5, 0, 3},
                          {5, 3, 0}}) {
    std::vector<T> a(static_cast<std::size_t>(one.batch * one.m * one.n));
    // Integers, whose sums are exact in any order.
    for (std::size_t i = 0; i < a.size(); ++i) a[i] = static_cast<T>(static_cast<int>(i * 7919 % 2001) - 1000);
    for (const std::int64_t offset : {0, 1, -1, 5, -60, 1000}) {
      for (const Where where : {Where::Host, Where::Buffers}) {
        INFO(one.batch, " of ", one.m, " x ", one.n, ", offset ", offset, ", in ", name_of(where));
        std::vector<T> expected = unset<T>(one.batch);
        std::vector<T> got = unset<T>(one.batch);
        cpu.trace(lane, {kDType<T>, one.batch, one.m, one.n, offset, operand(a), operand(expected)});
        gpu.call(&Device::trace, TraceArgs{kDType<T>, one.batch, one.m, one.n, offset, operand(a), operand(got)}, where,
                 {&TraceArgs::a}, {&TraceArgs::trace});
        CHECK((got == expected));
      }
    }
  }
}
