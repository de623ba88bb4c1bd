// Asks python where its packages are: the last resort of the search for libraries.
#include <fcntl.h>
#include <poll.h>
#include <spawn.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <chrono>
#include <csignal>
#include <string>
#include <vector>

#include "cuda/libraries/search.h"

extern char** environ;

namespace tensorlane::cuda {
namespace {

constexpr const char* kQuestion =
    "import site; print('\\n'.join(site.getsitepackages() + [site.getusersitepackages()]))";
constexpr std::size_t kMostOutput = std::size_t{64} << 10U;

// Until the end of what is written, or the time is up.
std::string read_all(int from, int timeout_milliseconds) {
  using Clock = std::chrono::steady_clock;
  const auto deadline = Clock::now() + std::chrono::milliseconds(timeout_milliseconds);
  std::string text;
  while (text.size() < kMostOutput) {
    const auto left = std::chrono::duration_cast<std::chrono::milliseconds>(deadline - Clock::now()).count();
    pollfd waiting{from, POLLIN, 0};
    if (left <= 0 || poll(&waiting, 1, static_cast<int>(left)) <= 0) return {};
    char part[4096];
    const ssize_t got = read(from, part, sizeof part);
    if (got < 0) return {};
    if (got == 0) return text;
    text.append(part, static_cast<std::size_t>(got));
  }
  return {};
}

std::vector<std::string> lines_of(const std::string& text) {
  std::vector<std::string> lines;
  std::size_t from = 0;
  while (from < text.size()) {
    const std::size_t to = std::min(text.find('\n', from), text.size());
    if (to > from) lines.push_back(text.substr(from, to - from));
    from = to + 1;
  }
  return lines;
}

}  // namespace

std::vector<std::string> ask_python(int timeout_milliseconds) {
  int ends[2];
  if (pipe2(ends, O_CLOEXEC) != 0) return {};
  posix_spawn_file_actions_t actions;
  posix_spawn_file_actions_init(&actions);
  posix_spawn_file_actions_addopen(&actions, STDIN_FILENO, "/dev/null", O_RDONLY, 0);
  posix_spawn_file_actions_adddup2(&actions, ends[1], STDOUT_FILENO);
  posix_spawn_file_actions_addopen(&actions, STDERR_FILENO, "/dev/null", O_WRONLY, 0);
  std::string program = "python3";
  std::string flag = "-c";
  std::string question = kQuestion;
  char* arguments[] = {program.data(), flag.data(), question.data(), nullptr};
  pid_t python = 0;
  const int failed = posix_spawnp(&python, "python3", &actions, nullptr, arguments, environ);
  posix_spawn_file_actions_destroy(&actions);
  close(ends[1]);
  std::vector<std::string> folders;
  if (failed == 0) {
    folders = lines_of(read_all(ends[0], timeout_milliseconds));
    if (folders.empty()) kill(python, SIGKILL);
    int status = 0;
    while (waitpid(python, &status, 0) < 0 && errno == EINTR) {
    }
  }
  close(ends[0]);
  return folders;
}

}  // namespace tensorlane::cuda
