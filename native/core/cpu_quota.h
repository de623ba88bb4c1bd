// How much CPU time Linux's control groups let this process have: what `docker run --cpus 1.5` and Kubernetes' limits set.
//
// The rule it keeps: a group is bound by its own limit and those of all that it lies in, of cgroup v2 and v1. What cannot be read is no limit.
#pragma once

#include <filesystem>
#include <optional>

namespace tensorlane {

// In cores; nothing where there is no limit. Files are looked for below `root`.
std::optional<double> cpu_quota(const std::filesystem::path& root = "/") noexcept;

}  // namespace tensorlane
