#include "runtime/support.h"

#include <sys/wait.h>

#include <array>
#include <cstdio>

namespace emulation_tests {

Child run_child(const std::string& name, const std::string& argument) {
  // ThreadSanitizer would wait a second at the end of each.
  const std::string program = std::string(EMULATION_TEST_CHILDREN) + "/" + name;
  const std::string command = "TSAN_OPTIONS=\"$TSAN_OPTIONS:atexit_sleep_ms=0\" " + program + " " + argument + " 2>&1";
  Child child;
  FILE* pipe = popen(command.c_str(), "r");  // NOLINT
  REQUIRE(pipe != nullptr);
  std::array<char, 4096> buffer{};
  for (std::size_t read = 0; (read = std::fread(buffer.data(), 1, buffer.size(), pipe)) > 0;)
    child.output.append(buffer.data(), read);
  const int status = pclose(pipe);
  child.status = WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
  return child;
}

}  // namespace emulation_tests
