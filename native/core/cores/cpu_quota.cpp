#include "core/cores/cpu_quota.h"

#include <fstream>

#include "core/cores/control_groups.h"

namespace tensorlane {
namespace {

namespace fs = std::filesystem;

// What a period of so many microseconds has of CPU time, as cores.
std::optional<double> cores_of(double quota, double period) {
  if (quota > 0 && period > 0) return quota / period;
  return std::nullopt;
}

// v2: "150000 100000", or "max 100000".
std::optional<double> limit_of_v2(const fs::path& group) {
  std::ifstream file(group / "cpu.max");
  double quota = 0;
  double period = 0;
  if (!(file >> quota >> period)) return std::nullopt;
  return cores_of(quota, period);
}

// v1: a file each, the quota -1 where there is none.
std::optional<double> limit_of_v1(const fs::path& group) {
  std::ifstream quotas(group / "cpu.cfs_quota_us");
  std::ifstream periods(group / "cpu.cfs_period_us");
  double quota = 0;
  double period = 0;
  if (!(quotas >> quota) || !(periods >> period)) return std::nullopt;
  return cores_of(quota, period);
}

}  // namespace

std::optional<double> cpu_quota(const fs::path& root) noexcept {
  return least_limit(root, "cpu", limit_of_v2, limit_of_v1);
}

}  // namespace tensorlane
