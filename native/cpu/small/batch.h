// Puts the matrices of a batch into groups, and runs a kernel on each, on as many cores as there are and are worth waking.
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <type_traits>
#include <vector>

#include "core/memory/workspace.h"
#include "cpu/linalg/blas_share.h"
#include "cpu/small/choose.h"
#include "cpu/small/crew.h"

namespace tensorlane::cpu::small {

// The registers that a kernel needs of its work, of at least two lanes each.
[[nodiscard]] constexpr std::int64_t svd_registers(std::int64_t m, std::int64_t n, std::int64_t u_columns,
                                                   std::int64_t vt_rows) {
  const std::int64_t rows = std::max(m, n);
  const std::int64_t columns = std::min(m, n);
  if (columns > kMostSvd) return (2 * rows + columns + 3) * kMostRows / 2;
  return 2 * rows * columns + rows * (m >= n ? u_columns : vt_rows) + 2 * columns;
}
[[nodiscard]] constexpr std::int64_t eigh_registers(std::int64_t n) { return 2 * n * n; }
[[nodiscard]] constexpr std::int64_t qr_registers(std::int64_t m, std::int64_t n, std::int64_t between) {
  return m * n + std::min(m, n) + m * between;
}
[[nodiscard]] constexpr std::int64_t lu_registers(std::int64_t n, std::int64_t right_sides) {
  return (n + 1) * (n + right_sides);
}
[[nodiscard]] constexpr std::int64_t cholesky_registers(std::int64_t n) { return n * n; }

// The multiplications of a group, as far as they are known before.
[[nodiscard]] constexpr double svd_steps(std::int64_t m, std::int64_t n) {
  const auto rows = static_cast<double>(std::max(m, n));
  const auto columns = static_cast<double>(std::min(m, n));
  constexpr double kSweeps = 6;
  return kSweeps * 4 * columns * columns * columns + 4 * rows * columns * columns;
}
[[nodiscard]] constexpr double eigh_steps(std::int64_t n) { return 6 * 6 * static_cast<double>(n * n * n); }
[[nodiscard]] constexpr double qr_steps(std::int64_t m, std::int64_t n) {
  return 4 * static_cast<double>(m * n * std::min(m, n));
}
[[nodiscard]] constexpr double lu_steps(std::int64_t n, std::int64_t right_sides) {
  return 2 * static_cast<double>(n * n * (n + right_sides));
}
// Of one, whose operands have to come from memory.
[[nodiscard]] constexpr double product_steps(std::int64_t m, std::int64_t k, std::int64_t n) {
  return static_cast<double>(m * k + k * n + m * n) + static_cast<double>(m * k * n) / 4;
}
[[nodiscard]] constexpr double cholesky_steps(std::int64_t n) { return static_cast<double>(n * n * n); }

// Whether there are kernels for such a matrix. By the shape alone: so what a matrix' results are does not depend on how many
// others there are in its batch. `full`: whether u and vt are wanted as square matrices.
[[nodiscard]] constexpr bool has_svd(std::int64_t m, std::int64_t n, bool full) {
  const std::int64_t shorter = std::min(m, n);
  if (shorter < 1 || std::max(m, n) > kMostLong) return false;
  return shorter <= kMostSvd || (shorter <= kMostRows && (m == n || !full));
}
// And whether they are quicker than LAPACK.
template <typename T>
[[nodiscard]] bool takes_svd(std::int64_t m, std::int64_t n, bool full) {
  return has_svd(m, n, full) && std::min(m, n) <= kernels<T>().most_svd;
}
[[nodiscard]] constexpr bool takes_qr(std::int64_t m, std::int64_t n) {
  return std::min(m, n) >= 1 && std::min(m, n) <= kMostQr && std::max(m, n) <= kMostLong;
}
[[nodiscard]] constexpr bool takes_eigh(std::int64_t n) { return n >= 1 && n <= kMostEigh; }
[[nodiscard]] constexpr bool takes_lu(std::int64_t n, std::int64_t right_sides) {
  return n >= 1 && n <= kMostLu && right_sides <= kMostRightSides;
}
[[nodiscard]] constexpr bool takes_cholesky(std::int64_t n) { return n >= 1 && n <= kMostCholesky; }
[[nodiscard]] constexpr bool takes_product(std::int64_t m, std::int64_t k, std::int64_t n) {
  return std::min({m, k, n}) >= 1 && std::max({m, k, n}) <= kMostProduct;
}

// How much there is to do, and for whom: in parts, of which each takes some fifty microseconds. `steps` are multiplications of
// registers, or what takes as long, of each of `count` items.
struct Division {
  std::int64_t count;
  std::int64_t part;  // items
  std::size_t parts;  // 0 of nothing
  std::size_t helpers;

  Division(std::int64_t items, double steps) : count(items) {
    constexpr double kPart = 200'000;
    const double fitting = std::min(kPart / std::max(steps, 1.0), 1e9);
    part = std::max<std::int64_t>(1, static_cast<std::int64_t>(fitting));
    parts = static_cast<std::size_t>((count + part - 1) / part);
    // A helper takes as long to wake as a part or two takes.
    constexpr std::size_t kWorthWaking = 4;
    helpers = parts < kWorthWaking ? 0 : std::min<std::size_t>(BlasShare::cores() - 1, parts / 2);
  }

  // Calls body(slot, first, last) for each part, where slot is at most `helpers`.
  template <typename Body>
  void run(Body body) const {
    const auto one = [&](std::size_t slot, std::size_t at) {
      const std::int64_t first = static_cast<std::int64_t>(at) * part;
      body(slot, first, std::min(first + part, count));
    };
    if (helpers > 0) return Crew::shared().run(parts, helpers, one);
    for (std::size_t at = 0; at < parts; ++at) one(0, at);
  }
};

// The matrices of a batch that are not done, in order.
struct Left {
  std::vector<std::int64_t> not_finite, not_positive_definite, undone;

  void add(std::int64_t i, Outcome outcome) {
    switch (outcome) {
      case Outcome::Done:
        return;
      case Outcome::NotFinite:
        return not_finite.push_back(i);
      case Outcome::NotPositiveDefinite:
        return not_positive_definite.push_back(i);
      case Outcome::Undone:
        return undone.push_back(i);
    }
  }
};

// `group` has what all groups have in common; place(group, lane, i) puts the pointers of matrix i of the batch into a lane
// of it. `steps` are those of a group: see Division.
template <typename OfKind, typename Place>
Left run_groups(Workspace& workspace, std::int64_t batch, std::int64_t registers, double steps,
                void (*kernel)(const OfKind&), const OfKind& group, Place place) {
  using T = std::remove_pointer_t<decltype(group.work)>;
  constexpr std::int64_t kLine = Workspace::kAlignment / sizeof(T);
  const std::int64_t lanes = kernels<T>().lanes;
  const Division groups((batch + lanes - 1) / lanes, steps);
  const std::int64_t work = (registers * lanes + kLine - 1) / kLine * kLine;
  const std::size_t slots = groups.helpers + 1;
  T* const works = reinterpret_cast<T*>(workspace.take(slots * static_cast<std::size_t>(work) * sizeof(T)));
  std::vector<Outcome> outcomes(static_cast<std::size_t>(batch));
  groups.run([&](std::size_t slot, std::int64_t first, std::int64_t last) {
    OfKind own = group;
    own.work = works + static_cast<std::int64_t>(slot) * work;
    for (std::int64_t at = first; at < last; ++at) {
      const std::int64_t i = at * lanes;
      own.outcomes = outcomes.data() + i;
      own.count = std::min(lanes, batch - i);
      for (std::int64_t lane = 0; lane < own.count; ++lane) place(own, lane, i + lane);
      kernel(own);
    }
  });
  Left left;
  for (std::int64_t i = 0; i < batch; ++i) left.add(i, outcomes[static_cast<std::size_t>(i)]);
  return left;
}

}  // namespace tensorlane::cpu::small
