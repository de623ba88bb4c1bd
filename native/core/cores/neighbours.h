// How many cores other processes leave, at this moment. The system says how many threads of all run or want to run; how many of those
// are this process's own is counted only where that may matter, as it takes a tenth of a millisecond.
#pragma once

#include <optional>
#include <string_view>

namespace tensorlane {

// The threads that run or want to, of what /proc/loadavg holds: "0.52 0.58 0.59 3/257 12345". Nothing where it does not say: whoever
// reads it runs, so it is never 0.
std::optional<unsigned> running_threads(std::string_view loadavg) noexcept;

// Of this process.
unsigned own_running_threads() noexcept;

// So many of `wanted` cores, at least one. All of them where the system does not tell.
unsigned cores_left_by_others(unsigned wanted) noexcept;

}  // namespace tensorlane
