// Which kernels for small matrices are used: those of the best instruction set that the processor has, or that the
// environment variable TENSORLANE_CPU_KERNELS names (`avx512`, `avx2` or `plain`) when the first operation needs them.
#pragma once

#include <span>
#include <string>

#include "cpu/small/table.h"

namespace tensorlane::cpu::small {

// Those that this processor can run, the best first.
[[nodiscard]] std::span<const InstructionSet* const> all_sets();

// As the variable names it; throws Argument where none of them has that name.
[[nodiscard]] const InstructionSet& set_named(const std::string& name);

// Throws as that does.
[[nodiscard]] const InstructionSet& chosen_set();

// From now on this one: for tests, which try them all.
void choose_set(const InstructionSet& set);

template <typename T>
[[nodiscard]] const Table<T>& kernels() {
  if constexpr (sizeof(T) == sizeof(float)) {
    return chosen_set().of_float;
  } else {
    return chosen_set().of_double;
  }
}

}  // namespace tensorlane::cpu::small
