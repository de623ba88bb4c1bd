// Every call that an operation makes fails once, in every way.
#include <doctest/doctest.h>

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <vector>

#include "support/fault_sweep.h"
#include "support/matrices.h"
#include "support/operands.h"

using namespace tensorlane;
using namespace tensorlane::test;
using cuda::testing::Rig;
using cuda::testing::sweep_faults;

namespace {

// A batch of two 3 x 3 matrices, symmetric, positive definite and diagonally dominant: every operation takes them.
const std::vector<float> kMatrices{4, 1, 0, 1, 5, 2, 0, 2, 6, 7, 1, 1, 1, 8, 1, 1, 1, 9};

void check_all_finite(const std::vector<float>& values) {
  for (const float value : values) REQUIRE_MESSAGE(std::isfinite(value), "a result was not written");
}

void sweep_svd(SvdDriver driver, std::int64_t batch, std::int64_t m, std::int64_t n, std::int64_t rank = 0) {
  Random random(1);
  const std::vector<float> a = narrow<float>(random_matrix(random, batch * m, n));
  const std::int64_t k = rank > 0 ? rank : std::min(m, n);
  sweep_faults(
      [&](Rig& rig) {
        const std::vector<float> u = unset<float>(batch * m * k);
        const std::vector<float> s = unset<float>(batch * k);
        const std::vector<float> vt = unset<float>(batch * k * n);
        rig.run([&](Lane& lane) {
          rig.device().svd(lane, {DType::Float32, SvdMode::Thin, driver, rank, batch, m, n, operand(a), operand(u),
                                  operand(s), operand(vt)});
        });
        for (const auto* results : {&u, &s, &vt}) check_all_finite(*results);
      },
      {}, 3);
}

}  // namespace

TEST_CASE("cuda svd: any call may fail") {
  sweep_svd(SvdDriver::Auto, 2, 4, 6);  // gesvdjBatched
  sweep_svd(SvdDriver::Auto, 1, 6, 4);  // gesvdj, with a look at how it went
  sweep_svd(SvdDriver::Gesvd, 1, 6, 4);
  sweep_svd(SvdDriver::Gesvdp, 1, 6, 4);
  sweep_svd(SvdDriver::Gesvda, 2, 6, 4);
  sweep_svd(SvdDriver::Gesvdr, 1, 8, 8, 2);
}

TEST_CASE("cuda eigh: any call may fail") {
  for (const std::int64_t batch : {1, 2}) {
    sweep_faults(
        [&](Rig& rig) {
          const std::vector<float> w = unset<float>(batch * 3);
          const std::vector<float> v = unset<float>(batch * 9);
          Operand a = operand(kMatrices);
          a.bytes = static_cast<std::size_t>(batch) * 9 * sizeof(float);
          rig.run([&](Lane& lane) {
            rig.device().eigh(lane, {DType::Float32, true, batch, 3, a, operand(w), operand(v)});
          });
          check_all_finite(w);
          check_all_finite(v);
        },
        {}, 2);
  }
}

TEST_CASE("cuda matmul: any call may fail") {
  sweep_faults([](Rig& rig) {
    const std::vector<float> c = unset<float>(18);
    rig.run([&](Lane& lane) {
      rig.device().matmul(
          lane, {DType::Float32, 3, 3, 3, {2}, {1}, {1}, false, operand(kMatrices), operand(kMatrices), operand(c)});
    });
    check_all_finite(c);
  });
}

TEST_CASE("cuda solve: any call may fail") {
  sweep_faults(
      [](Rig& rig) {
        const std::vector<float> x = unset<float>(18);
        rig.run([&](Lane& lane) {
          rig.device().solve(lane,
                             {DType::Float32, 3, 3, {2}, {1}, {1}, operand(kMatrices), operand(kMatrices), operand(x)});
        });
        check_all_finite(x);
      },
      {}, 2);
}

TEST_CASE("cuda inv, cholesky and det: any call may fail") {
  sweep_faults(
      [](Rig& rig) {
        const std::vector<float> inverse = unset<float>(18);
        rig.run(
            [&](Lane& lane) { rig.device().inv(lane, {DType::Float32, 2, 3, operand(kMatrices), operand(inverse)}); });
        check_all_finite(inverse);
      },
      {}, 2);
  sweep_faults(
      [](Rig& rig) {
        const std::vector<float> l = unset<float>(18);
        rig.run(
            [&](Lane& lane) { rig.device().cholesky(lane, {DType::Float32, 2, 3, operand(kMatrices), operand(l)}); });
        check_all_finite(l);
      },
      {}, 2);
  sweep_faults(
      [](Rig& rig) {
        const std::vector<float> det = unset<float>(2);
        rig.run([&](Lane& lane) {
          rig.device().det(lane, {DType::Float32, false, 2, 3, operand(kMatrices), operand(det), {}});
        });
        check_all_finite(det);
      },
      {}, 2);
}

TEST_CASE("cuda qr: any call may fail") {
  sweep_faults(
      [](Rig& rig) {
        const std::vector<float> q = unset<float>(18);
        const std::vector<float> r = unset<float>(18);
        rig.run([&](Lane& lane) {
          rig.device().qr(lane,
                          {DType::Float32, QrMode::Complete, 2, 3, 3, operand(kMatrices), operand(q), operand(r)});
        });
        check_all_finite(q);
        check_all_finite(r);
      },
      {}, 2);
}

TEST_CASE("cuda luFactor, luSolve and solveTriangular: any call may fail") {
  for (const std::int64_t batch : {1, 2}) {
    const auto elements = static_cast<std::size_t>(batch) * 9;
    Operand a = operand(kMatrices);
    a.bytes = elements * sizeof(float);
    sweep_faults(
        [&](Rig& rig) {
          const std::vector<float> lu = unset<float>(batch * 9);
          std::vector<std::int32_t> pivots(static_cast<std::size_t>(batch) * 3, -1);
          std::vector<std::int32_t> permutation(static_cast<std::size_t>(batch) * 3, -1);
          rig.run([&](Lane& lane) {
            rig.device().lu_factor(
                lane, {DType::Float32, true, batch, 3, 3, a, operand(lu), operand(pivots), operand(permutation)});
          });
          check_all_finite(lu);
          CHECK(std::ranges::all_of(pivots, [](std::int32_t pivot) { return pivot >= 0; }));
          CHECK(std::ranges::all_of(permutation, [](std::int32_t row) { return row >= 0; }));
        },
        {}, 2);
    std::vector<std::int32_t> pivots;
    for (std::int64_t i = 0; i < batch; ++i) pivots.insert(pivots.end(), {0, 1, 2});
    sweep_faults(
        [&](Rig& rig) {
          const std::vector<float> x = unset<float>(batch * 9);
          rig.run([&](Lane& lane) {
            rig.device().lu_solve(lane,
                                  {DType::Float32, false, 3, 3, {batch}, {1}, {1}, a, operand(pivots), a, operand(x)});
          });
          check_all_finite(x);
        },
        {}, 2);
    sweep_faults(
        [&](Rig& rig) {
          const std::vector<float> x = unset<float>(batch * 9);
          rig.run([&](Lane& lane) {
            rig.device().solve_triangular(
                lane, {DType::Float32, true, false, false, 3, 3, {batch}, {1}, {1}, a, a, operand(x)});
          });
          check_all_finite(x);
        },
        {}, 2);
  }
}
