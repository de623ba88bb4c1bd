// How much CPU time Linux's control groups let this process have.
#pragma once

#include <filesystem>
#include <optional>

namespace tensorlane {

// In cores; nothing where there is no limit. Files are looked for below `root`.
std::optional<double> cpu_quota(const std::filesystem::path& root = "/") noexcept;

}  // namespace tensorlane
