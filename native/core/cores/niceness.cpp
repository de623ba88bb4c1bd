#include "core/cores/niceness.h"

#ifdef __linux__
#include <sys/resource.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <algorithm>
#include <cstdint>
#endif

namespace tensorlane {

#ifdef __linux__
namespace {

// The kernel's struct sched_attr, as of its first version; the C library has no declaration of it before glibc 2.41.
struct SchedAttr {
  std::uint32_t size;
  std::uint32_t policy;  // 0: SCHED_OTHER
  std::uint64_t flags;
  std::int32_t nice;
  std::uint32_t priority;
  std::uint64_t runtime;  // since Linux 6.12: the time slice that is asked for, in nanoseconds
  std::uint64_t deadline;
  std::uint64_t period;
};

}  // namespace

void stand_back(int niceness) {
  if (niceness <= 0) return;
  // Where the whole process has been told to stand back further, its lanes do.
  niceness = std::max(niceness, getpriority(PRIO_PROCESS, static_cast<id_t>(gettid())));
  // A thread with a shorter slice may interrupt one with a longer slice at once (the EEVDF scheduler), and the default
  // is 3 ms at most: so 4 ms are enough for all other threads to go first. More would hurt: of the threads that share
  // one run, each waits for the last, and lanes beside one another may hold it up for a whole slice. Older kernels take
  // the niceness and ignore the slice.
  constexpr std::uint64_t kSlice = 4'000'000;
  SchedAttr attributes{};
  attributes.size = sizeof(attributes);
  attributes.nice = niceness;
  attributes.runtime = kSlice;
  if (syscall(SYS_sched_setattr, 0, &attributes, 0U) == 0) return;
  setpriority(PRIO_PROCESS, static_cast<id_t>(gettid()), niceness);  // a sandbox may refuse the newer call
}
#else
void stand_back(int /*niceness*/) {}
#endif

}  // namespace tensorlane
