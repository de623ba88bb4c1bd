#include "cpu/small/choose.h"

#include <atomic>
#include <cstdlib>
#include <string>

#include "core/error.h"

namespace tensorlane::cpu::small {
namespace {

#if defined(__x86_64__) && defined(__GNUC__) && !defined(TENSORLANE_PLAIN_KERNELS)
std::span<const InstructionSet* const> runnable() {
  static constexpr const InstructionSet* kAll[] = {&kAvx512, &kAvx2, &kPlain};
  const bool avx2 = __builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma");
  const bool avx512 = avx2 && __builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512dq") &&
                      __builtin_cpu_supports("avx512vl");
  return std::span(kAll).subspan(avx512 ? 0 : (avx2 ? 1 : 2));
}
#else
std::span<const InstructionSet* const> runnable() {
  static constexpr const InstructionSet* kAll[] = {&kPlain};
  return kAll;
}
#endif

std::atomic<const InstructionSet*> chosen{nullptr};

}  // namespace

std::span<const InstructionSet* const> all_sets() {
  static const std::span<const InstructionSet* const> all = runnable();
  return all;
}

const InstructionSet& set_named(const std::string& name) {
  std::string known;
  for (const InstructionSet* set : all_sets()) {
    if (name == set->name) return *set;
    known += (known.empty() ? "" : ", ") + std::string(set->name);
  }
  throw Error(Code::Argument, "TENSORLANE_CPU_KERNELS is '" + name + "'; this processor can run " + known);
}

const InstructionSet& chosen_set() {
  const InstructionSet* set = chosen;
  if (set == nullptr) {
    const char* name = std::getenv("TENSORLANE_CPU_KERNELS");
    set = name == nullptr || *name == '\0' ? all_sets().front() : &set_named(name);
    chosen = set;
  }
  return *set;
}

void choose_set(const InstructionSet& set) { chosen = &set; }

}  // namespace tensorlane::cpu::small
