#include "core/cores/neighbours.h"

#include <algorithm>
#include <charconv>

#ifdef __linux__
#include <dirent.h>
#include <fcntl.h>
#include <unistd.h>

#include <array>
#include <cstdio>
#include <memory>
#endif

namespace tensorlane {

std::optional<unsigned> running_threads(std::string_view loadavg) noexcept {
  const std::size_t slash = loadavg.find('/');
  if (slash == std::string_view::npos) return std::nullopt;
  const std::size_t space = loadavg.rfind(' ', slash);
  if (space == std::string_view::npos) return std::nullopt;
  unsigned running = 0;
  const auto [end, error] = std::from_chars(loadavg.data() + space + 1, loadavg.data() + slash, running);
  if (error != std::errc{} || end != loadavg.data() + slash || running == 0) return std::nullopt;
  return running;
}

#ifdef __linux__
namespace {

template <std::size_t kSize>
std::string_view read_file(const char* path, std::array<char, kSize>& text) noexcept {
  const int file = open(path, O_RDONLY | O_CLOEXEC);
  if (file < 0) return {};
  const ssize_t length = read(file, text.data(), text.size());
  close(file);
  return {text.data(), length > 0 ? static_cast<std::size_t>(length) : 0};
}

}  // namespace

unsigned own_running_threads() noexcept {
  struct Close {
    void operator()(DIR* folder) const noexcept { closedir(folder); }
  };
  const std::unique_ptr<DIR, Close> folder(opendir("/proc/self/task"));
  unsigned running = 0;
  while (folder != nullptr) {
    const dirent* entry = readdir(folder.get());  // NOLINT(concurrency-mt-unsafe): nobody else has this folder
    if (entry == nullptr) break;
    std::array<char, 300> path{};
    std::snprintf(path.data(), path.size(), "/proc/self/task/%s/stat", entry->d_name);
    std::array<char, 128> text{};
    // "12345 (its name) R ...", and the name may be anything.
    const std::string_view stat = read_file(path.data(), text);
    const std::size_t name_end = stat.rfind(')');
    if (name_end != std::string_view::npos && stat.substr(name_end).starts_with(") R")) ++running;
  }
  return running;
}

unsigned cores_left_by_others(unsigned wanted) noexcept {
  std::array<char, 64> text{};
  const std::optional<unsigned> running = running_threads(read_file("/proc/loadavg", text));
  const long online = sysconf(_SC_NPROCESSORS_ONLN);
  if (!running.has_value() || online < 1) return wanted;
  const auto cores = static_cast<unsigned>(online);
  if (*running - 1 + wanted <= cores) return wanted;  // whoever they are
  const unsigned others = *running - std::min(*running, own_running_threads());
  return std::clamp(cores - std::min(cores, others), 1U, std::max(1U, wanted));
}
#else
unsigned own_running_threads() noexcept { return 1; }
unsigned cores_left_by_others(unsigned wanted) noexcept { return wanted; }
#endif

}  // namespace tensorlane
