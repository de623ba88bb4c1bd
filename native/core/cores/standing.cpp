#include "core/cores/standing.h"

#ifdef __linux__
#include <fcntl.h>
#include <unistd.h>

#include <array>
#include <cstdio>
#include <ctime>
#endif

namespace tensorlane {
namespace {

// Of less than so much nothing is told.
constexpr std::chrono::milliseconds kEnough{20};
// Waiting for less than this part of the time is what the threads of its own process cost it; for more than that, a neighbour's doing.
constexpr double kCalm = 0.25;
constexpr double kStarved = 0.4;
// While a thread waits for a core, all of them are busy. With so much of that its own process has them to itself.
constexpr double kNearlyAll = 0.9;

}  // namespace

Standing::Step Standing::look(const Share& now) noexcept {
  const auto ran = now.ran - last_.ran;
  const auto waited = now.waited - last_.waited;
  const auto wanted = ran + waited;
  if (wanted < kEnough) return Step::None;
  const auto part = [](std::chrono::nanoseconds of, std::chrono::nanoseconds all) {
    return static_cast<double>(of.count()) / static_cast<double>(all.count());
  };
  const bool has_all = part(now.process - last_.process, waited * cores_ + ran) > kNearlyAll;
  const double waiting = part(waited, wanted);
  last_ = now;
  has_neighbours_ = waiting >= (stands_back_ ? kStarved : kCalm) && !has_all;
  if (stands_back_) return has_neighbours_ ? Step::Forward : Step::None;
  if (has_neighbours_) return Step::None;
  stands_back_ = true;
  return Step::Back;
}

#ifdef __linux__
std::optional<Share> share_of_thread() noexcept {
  // Nanoseconds on a core and waiting for one.
  const int file = open("/proc/thread-self/schedstat", O_RDONLY | O_CLOEXEC);
  if (file < 0) return std::nullopt;
  std::array<char, 96> text{};
  const ssize_t length = read(file, text.data(), text.size() - 1);
  close(file);
  unsigned long long ran = 0;
  unsigned long long waited = 0;
  if (length <= 0 || std::sscanf(text.data(), "%llu %llu", &ran, &waited) != 2) return std::nullopt;
  timespec process{};
  if (clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &process) != 0) return std::nullopt;
  return Share{.ran = std::chrono::nanoseconds(ran),
               .waited = std::chrono::nanoseconds(waited),
               .process = std::chrono::seconds(process.tv_sec) + std::chrono::nanoseconds(process.tv_nsec)};
}
#else
std::optional<Share> share_of_thread() noexcept { return std::nullopt; }
#endif

}  // namespace tensorlane
