#include "core/memory/memory_limit.h"

#include <unistd.h>

#include <fstream>
#include <optional>

#include "core/cores/control_groups.h"

namespace tensorlane {
namespace {

namespace fs = std::filesystem;

// Where there is no limit, v2 says "max", and v1 more than any machine has.
std::optional<double> limit_in(const fs::path& name) {
  std::ifstream file(name);
  double bytes = 0;
  if (!(file >> bytes) || bytes <= 0) return std::nullopt;
  return bytes;
}

}  // namespace

std::uint64_t memory_limit(const fs::path& root) noexcept {
  const long pages = sysconf(_SC_PHYS_PAGES);
  const long page = sysconf(_SC_PAGESIZE);
  const std::uint64_t machine =
      pages > 0 && page > 0 ? static_cast<std::uint64_t>(pages) * static_cast<std::uint64_t>(page) : 0;
  const std::optional<double> group = least_limit(
      root, "memory", [](const fs::path& path) { return limit_in(path / "memory.max"); },
      [](const fs::path& path) { return limit_in(path / "memory.limit_in_bytes"); });
  if (!group.has_value() || (machine != 0 && *group >= static_cast<double>(machine))) return machine;
  return static_cast<std::uint64_t>(*group);
}

}  // namespace tensorlane
