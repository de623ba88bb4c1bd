#include "core/cores/control_groups.h"

#include <exception>
#include <fstream>
#include <sstream>
#include <string>

namespace tensorlane {
namespace {

namespace fs = std::filesystem;

void take(std::optional<double>& least, std::optional<double> limit) {
  if (limit && (!least || *limit < *least)) least = limit;
}

// The least from the group up to where its tree is mounted. In a container the tree may begin with the group, whose path is then not
// in it: the mount's own limit is asked in any case.
std::optional<double> least_of(const fs::path& mount, const std::string& path, const LimitOfGroup& limit_of) {
  std::optional<double> found;
  take(found, limit_of(mount));
  fs::path group = mount;
  for (const fs::path& part : fs::path(path).relative_path()) {
    group /= part;
    take(found, limit_of(group));
  }
  return found;
}

bool is_among(const std::string& controller, const std::string& controllers) {
  std::istringstream names(controllers);
  for (std::string name; std::getline(names, name, ',');) {
    if (name == controller) return true;
  }
  return false;
}

}  // namespace

std::optional<double> least_limit(const fs::path& root, const std::string& controller, const LimitOfGroup& of_v2,
                                  const LimitOfGroup& of_v1) noexcept try {
  std::optional<double> found;
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
      take(found, least_of(mounts, path, of_v2));
      take(found, least_of(mounts / "unified", path, of_v2));
    } else if (is_among(controller, controllers)) {
      take(found, least_of(mounts / controllers, path, of_v1));
      if (controllers != controller) take(found, least_of(mounts / controller, path, of_v1));
    }
  }
  return found;
} catch (const std::exception&) {
  return std::nullopt;
}

}  // namespace tensorlane
