// Limits of Linux's control groups: what `docker run --cpus 1.5 --memory 2g` and Kubernetes' limits set.
//
// The rule it keeps: a group is bound by its own limit and those of all that it lies in, of cgroup v2 and v1. What cannot be read is no limit.
#pragma once

#include <filesystem>
#include <functional>
#include <optional>
#include <string>

namespace tensorlane {

// A group's own limit, out of the files in its folder.
using LimitOfGroup = std::function<std::optional<double>(const std::filesystem::path& group)>;

// Of this process, for a controller such as "cpu"; nothing where there is no limit. Files are looked for below `root`.
std::optional<double> least_limit(const std::filesystem::path& root, const std::string& controller,
                                  const LimitOfGroup& of_v2, const LimitOfGroup& of_v1) noexcept;

}  // namespace tensorlane
