#include "libraries/jacobi.h"

#include <numeric>

namespace emulation::libraries {

namespace {

struct Products {
  double pp = 0, qq = 0, pq = 0;
  // Of the angle between the columns; 0 where one of them is no longer than `nothing`: its direction is rounding.
  [[nodiscard]] double cosine(double nothing) const {
    const double shorter = std::sqrt(std::min(pp, qq));
    return shorter > nothing ? std::fabs(pq) / (std::sqrt(pp) * std::sqrt(qq)) : 0;
  }
};

Products products(const Matrix<double>& a, std::int64_t p, std::int64_t q) {
  const double* x = &a(0, p);
  const double* y = &a(0, q);
  Products sums;
  for (std::int64_t i = 0; i < a.rows; ++i) {
    sums.pp += x[i] * x[i];
    sums.qq += y[i] * y[i];
    sums.pq += x[i] * y[i];
  }
  return sums;
}

void rotate(Matrix<double>& a, std::int64_t p, std::int64_t q, double c, double s) {
  double* x = &a(0, p);
  double* y = &a(0, q);
  for (std::int64_t i = 0; i < a.rows; ++i) {
    const double old = x[i];
    x[i] = c * old - s * y[i];
    y[i] = s * old + c * y[i];
  }
}

// Returns the number of rotations.
std::int64_t sweep(Matrix<double>& a, Matrix<double>& v, double threshold, double nothing) {
  std::int64_t rotations = 0;
  for (std::int64_t p = 0; p < a.columns; ++p) {
    for (std::int64_t q = p + 1; q < a.columns; ++q) {
      const Products sums = products(a, p, q);
      if (!(sums.cosine(nothing) > threshold)) continue;
      const double zeta = (sums.qq - sums.pp) / (2 * sums.pq);
      const double t = std::copysign(1.0, zeta) / (std::fabs(zeta) + std::sqrt(1 + zeta * zeta));
      const double c = 1 / std::sqrt(1 + t * t);
      rotate(a, p, q, c, c * t);
      rotate(v, p, q, c, c * t);
      ++rotations;
    }
  }
  return rotations;
}

double largest_cosine(const Matrix<double>& a, double nothing) {
  double largest = 0;
  for (std::int64_t p = 0; p < a.columns; ++p)
    for (std::int64_t q = p + 1; q < a.columns; ++q) largest = std::max(largest, products(a, p, q).cosine(nothing));
  return largest;
}

JacobiOutcome orthogonalize(Matrix<double>& a, Matrix<double>& v, double threshold, double nothing, int max_sweeps) {
  JacobiOutcome outcome;
  while (outcome.sweeps < max_sweeps) {
    ++outcome.sweeps;
    if (sweep(a, v, threshold, nothing) == 0) break;
  }
  outcome.residual = largest_cosine(a, nothing);
  outcome.converged = outcome.residual <= threshold;
  return outcome;
}

// Fills the columns that are missing, so that all are orthonormal: each from the unit vector that is farthest from what
// is there already.
void complete(Matrix<double>& u, std::vector<bool> there) {
  for (std::int64_t j = 0; j < u.columns; ++j) {
    if (there[static_cast<std::size_t>(j)]) continue;
    std::vector<double> inside(static_cast<std::size_t>(u.rows));
    for (std::int64_t k = 0; k < u.columns; ++k)
      for (std::int64_t i = 0; there[static_cast<std::size_t>(k)] && i < u.rows; ++i)
        inside[static_cast<std::size_t>(i)] += u(i, k) * u(i, k);
    const std::int64_t farthest = std::min_element(inside.begin(), inside.end()) - inside.begin();
    for (std::int64_t i = 0; i < u.rows; ++i) u(i, j) = i == farthest ? 1 : 0;
    for (int pass = 0; pass < 2; ++pass) {
      for (std::int64_t k = 0; k < u.columns; ++k) {
        if (!there[static_cast<std::size_t>(k)]) continue;
        const double along = products(u, k, j).pq;
        for (std::int64_t i = 0; i < u.rows; ++i) u(i, j) -= along * u(i, k);
      }
      const double length = std::sqrt(products(u, j, j).pp);
      for (std::int64_t i = 0; i < u.rows; ++i) u(i, j) /= length;
    }
    there[static_cast<std::size_t>(j)] = true;
  }
}

// For rows >= columns.
JacobiSvd tall_svd(Matrix<double> a, bool full, double epsilon, const JacobiSettings& settings) {
  const std::int64_t m = a.rows, n = a.columns;
  // To a size at which squares neither overflow nor vanish.
  double scale = 0;
  for (const double value : a.data) scale = std::max(scale, std::fabs(value));
  if (scale > 0 && std::isfinite(scale))
    for (double& value : a.data) value /= scale;
  Matrix<double> v(n, n);
  for (std::int64_t i = 0; i < n; ++i) v(i, i) = 1;

  JacobiSvd result;
  const double precision = std::max(settings.tolerance, epsilon);
  double squares = 0;
  for (const double value : a.data) squares += value * value;
  const double nothing = epsilon * std::sqrt(squares);
  result.outcome = orthogonalize(a, v, precision * std::sqrt(static_cast<double>(std::max<std::int64_t>(m, 1))),
                                 nothing, settings.max_sweeps);

  std::vector<double> lengths(static_cast<std::size_t>(n));
  for (std::int64_t j = 0; j < n; ++j) lengths[static_cast<std::size_t>(j)] = std::sqrt(products(a, j, j).pp);
  std::vector<std::int64_t> order(static_cast<std::size_t>(n));
  std::iota(order.begin(), order.end(), 0);
  const auto longer = [&](std::int64_t x, std::int64_t y) {
    return lengths[static_cast<std::size_t>(x)] > lengths[static_cast<std::size_t>(y)];
  };
  if (settings.sort && all_finite(lengths)) std::stable_sort(order.begin(), order.end(), longer);

  result.u = Matrix<double>(m, full ? m : n);
  result.v = Matrix<double>(n, n);
  std::vector<bool> there(static_cast<std::size_t>(result.u.columns));
  for (std::int64_t j = 0; j < n; ++j) {
    const std::int64_t from = order[static_cast<std::size_t>(j)];
    const double length = lengths[static_cast<std::size_t>(from)];
    result.s.push_back(length * (scale > 0 ? scale : 1));
    for (std::int64_t i = 0; i < n; ++i) result.v(i, j) = v(i, from);
    if (!(length > nothing) && std::isfinite(length)) continue;
    for (std::int64_t i = 0; i < m; ++i) result.u(i, j) = a(i, from) / length;
    there[static_cast<std::size_t>(j)] = true;
  }
  complete(result.u, std::move(there));
  return result;
}

}  // namespace

JacobiSvd jacobi_svd(const Matrix<double>& a, bool full, double epsilon, const JacobiSettings& settings) {
  if (a.rows >= a.columns) return tall_svd(a, full, epsilon, settings);
  JacobiSvd result = tall_svd(transposed(a), full, epsilon, settings);
  std::swap(result.u, result.v);
  return result;
}

}  // namespace emulation::libraries
