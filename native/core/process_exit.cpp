#include "core/process_exit.h"

#include <unistd.h>

#include <cstdlib>

#include "core/lanes/lane.h"

namespace tensorlane {
namespace {

constexpr unsigned kGraceMilliseconds = 250;

#ifdef __GLIBC__
void leave_safely(int status, void* /*unused*/) {
  if (!LanePool::quiesce_all(kGraceMilliseconds)) _exit(status);
}
#else
// Without on_exit the status is not known here, so a process whose lanes are busy ends with that of a failure.
void leave_safely() {
  if (!LanePool::quiesce_all(kGraceMilliseconds)) _exit(EXIT_FAILURE);
}
#endif

}  // namespace

void guard_process_exit() {
#ifdef __GLIBC__
  static_cast<void>(on_exit(leave_safely, nullptr));
#else
  static_cast<void>(std::atexit(leave_safely));
#endif
}

}  // namespace tensorlane
