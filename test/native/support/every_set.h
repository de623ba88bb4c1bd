// Kernels for small matrices, tried on every instruction set that this processor can run.
#pragma once

#include <doctest/doctest.h>

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <string>
#include <vector>

#include "cpu/small/choose.h"
#include "support/matrices.h"

namespace tensorlane::test {

template <typename Check>
void for_every_set(Check check) {
  const cpu::small::InstructionSet& before = cpu::small::chosen_set();
  for (const cpu::small::InstructionSet* set : cpu::small::all_sets()) {
    INFO("instruction set ", std::string(set->name));
    cpu::small::choose_set(*set);
    check();
  }
  cpu::small::choose_set(before);
}

// compute(a, batch) gives the results of a batch as arrays, in each of which every matrix has as many elements. That each of
// these matrices has the same bits alone, in a batch with the others, and in one that has them the other way round, twice.
template <typename T, typename Compute>
void check_places(const std::vector<Matrix>& matrices, Compute compute) {
  std::vector<Matrix> reversed(matrices.rbegin(), matrices.rend());
  reversed.insert(reversed.end(), matrices.begin(), matrices.end());
  const std::size_t count = matrices.size();
  const auto forward = compute(narrow_all<T>(matrices), static_cast<std::int64_t>(count));
  const auto backward = compute(narrow_all<T>(reversed), static_cast<std::int64_t>(2 * count));
  for (std::size_t i = 0; i < count; ++i) {
    INFO("matrix ", i);
    const auto alone = compute(narrow<T>(matrices[i]), 1);
    for (std::size_t array = 0; array < alone.size(); ++array) {
      const std::size_t size = alone[array].size();
      const auto same = [&](const std::vector<T>& all, std::size_t place) {
        return size == 0 || std::memcmp(all.data() + place * size, alone[array].data(), size * sizeof(T)) == 0;
      };
      CHECK_MESSAGE(same(forward[array], i), "result " << array << " differs in a batch");
      CHECK_MESSAGE(same(backward[array], count - 1 - i), "result " << array << " differs at another place");
      CHECK_MESSAGE(same(backward[array], count + i), "result " << array << " differs at yet another place");
    }
  }
}

}  // namespace tensorlane::test
