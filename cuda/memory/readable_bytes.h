// Sizes for messages.
#pragma once

#include <cstdint>
#include <string>

namespace tensorlane::cuda {

// "1.5 GiB".
[[nodiscard]] std::string readable_bytes(std::uint64_t bytes);

}  // namespace tensorlane::cuda
