// How much host memory this process may have at the most: the machine's, or less where Linux's control groups say so.
#pragma once

#include <cstdint>
#include <filesystem>

namespace tensorlane {

// In bytes; 0 where the system does not tell. Files of control groups are looked for below `root`.
std::uint64_t memory_limit(const std::filesystem::path& root = "/") noexcept;

}  // namespace tensorlane
