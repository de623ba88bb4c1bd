#include "core/cpu_quota.h"

#include <algorithm>
#include <exception>
#include <fstream>
#include <sstream>
#include <string>

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

// The least from the group up to where its tree is mounted. In a container the tree may begin with the group, whose path is then not
// in it: the mount's own limit is asked in any case.
template <typename LimitOf>
std::optional<double> least(const fs::path& mount, const std::string& path, LimitOf limit_of) {
  std::optional<double> found;
  const auto ask = [&](const fs::path& group) {
    const std::optional<double> limit = limit_of(group);
    if (limit && (!found || *limit < *found)) found = limit;
  };
  ask(mount);
  fs::path group = mount;
  for (const fs::path& part : fs::path(path).relative_path()) {
    group /= part;
    ask(group);
  }
  return found;
}

bool has_cpu(const std::string& controllers) {
  std::istringstream names(controllers);
  for (std::string name; std::getline(names, name, ',');) {
    if (name == "cpu") return true;
  }
  return false;
}

}  // namespace

std::optional<double> cpu_quota(const fs::path& root) noexcept try {
  std::optional<double> found;
  const auto take = [&](std::optional<double> limit) {
    if (limit && (!found || *limit < *found)) found = limit;
  };
  const fs::path mounts = root / "sys/fs/cgroup";
  std::ifstream groups(root / "proc/self/cgroup");
  // Such as "0::/a/b" (v2) and "4:cpu,cpuacct:/a/b" (v1).
  for (std::string line; std::getline(groups, line);) {
    const std::size_t first = line.find(':');
    const std::size_t second = first == std::string::npos ? first : line.find(':', first + 1);
    if (second == std::string::npos) continue;
    const std::string controllers = line.substr(first + 1, second - first - 1);
    const std::string path = line.substr(second + 1);
    if (controllers.empty()) {
      take(least(mounts, path, limit_of_v2));
      take(least(mounts / "unified", path, limit_of_v2));
    } else if (has_cpu(controllers)) {
      take(least(mounts / controllers, path, limit_of_v1));
      if (controllers != "cpu") take(least(mounts / "cpu", path, limit_of_v1));
    }
  }
  return found;
} catch (const std::exception&) {
  return std::nullopt;
}

}  // namespace tensorlane
