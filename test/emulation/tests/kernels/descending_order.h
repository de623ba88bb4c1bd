// The places of a row's elements, the largest first, NaNs before all others, equal ones as they lie. It is compiled optimized, which the
// tests are not: sorting is most of what those of top_k do.
#pragma once

#include <cstdint>
#include <vector>

namespace tensorlane::test {

std::vector<std::int64_t> descending_order(const float* row, std::int64_t columns);
std::vector<std::int64_t> descending_order(const double* row, std::int64_t columns);

}  // namespace tensorlane::test
