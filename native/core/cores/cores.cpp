#include "core/cores/cores.h"

#include <algorithm>
#include <cerrno>
#include <cmath>
#include <string>
#include <system_error>
#include <thread>
#ifdef __linux__
#include <sched.h>
#include <unistd.h>

#include "core/cores/cpu_quota.h"
#endif

#include "core/error.h"

namespace tensorlane {

#ifdef __linux__
namespace {

// Machines with more are not known to the C library's sets of one size either.
constexpr int kMostCores = 8192;

// A set that is as large as the kernel wants it, of a thread or (its main one's) a process; 0: the calling thread's.
class CoreSet {
 public:
  CoreSet() : set_(CPU_ALLOC(kMostCores)), bytes_(CPU_ALLOC_SIZE(kMostCores)) {
    if (set_ == nullptr) throw std::bad_alloc();
    CPU_ZERO_S(bytes_, set_);
  }
  CoreSet(const CoreSet&) = delete;
  CoreSet& operator=(const CoreSet&) = delete;
  ~CoreSet() { CPU_FREE(set_); }

  [[nodiscard]] bool read(pid_t of) noexcept { return sched_getaffinity(of, bytes_, set_) == 0; }
  [[nodiscard]] bool write() const noexcept { return sched_setaffinity(0, bytes_, set_) == 0; }
  void add(int core) noexcept { CPU_SET_S(static_cast<std::size_t>(core), bytes_, set_); }
  [[nodiscard]] bool has(int core) const noexcept { return CPU_ISSET_S(static_cast<std::size_t>(core), bytes_, set_); }
  [[nodiscard]] unsigned size() const noexcept { return static_cast<unsigned>(CPU_COUNT_S(bytes_, set_)); }

 private:
  cpu_set_t* set_;
  std::size_t bytes_;
};

unsigned allowed_cores() noexcept try {
  CoreSet set;
  if (set.read(getpid())) return std::max(1U, set.size());
  return std::max(1U, std::thread::hardware_concurrency());
} catch (const std::bad_alloc&) {
  return 1;
}

}  // namespace

unsigned usable_cores() noexcept {
  const unsigned allowed = allowed_cores();
  if (const std::optional<double> quota = cpu_quota()) {
    return static_cast<unsigned>(std::clamp(std::ceil(*quota), 1.0, static_cast<double>(allowed)));
  }
  return allowed;
}

std::vector<int> thread_cores() {
  std::vector<int> cores;
  CoreSet set;
  if (!set.read(0)) return cores;
  for (int core = 0; core < kMostCores; ++core) {
    if (set.has(core)) cores.push_back(core);
  }
  return cores;
}

void bind_thread(const std::vector<int>& cores) {
  CoreSet wanted;
  for (const int core : cores) {
    if (core < 0 || core >= kMostCores) throw Error(Code::Argument, "there is no core " + std::to_string(core));
    wanted.add(core);
  }
  if (wanted.size() == 0) throw Error(Code::Argument, "a thread cannot be bound to no core");
  CoreSet before;
  CoreSet after;
  const bool known = before.read(0);
  if (!wanted.write() && errno != EINVAL) {
    throw Error(Code::NotSupported,
                "a thread cannot be bound to cores here: " + std::generic_category().message(errno));
  }
  // The system leaves out what it does not allow, and refuses where nothing is left.
  if (!after.read(0)) return;
  for (const int core : cores) {
    if (after.has(core)) continue;
    if (known) static_cast<void>(before.write());
    throw Error(Code::Argument, "there is no core " + std::to_string(core) + " that this process may run on");
  }
}

void unbind_thread() noexcept try {
  CoreSet all;
  if (all.read(getpid())) static_cast<void>(all.write());
} catch (const std::bad_alloc&) {
  // It stays where it is.
}
#else
unsigned usable_cores() noexcept { return std::max(1U, std::thread::hardware_concurrency()); }

std::vector<int> thread_cores() { return {}; }

void bind_thread(const std::vector<int>& /*cores*/) {
  throw Error(Code::NotSupported, "threads are bound to cores on Linux alone");
}

void unbind_thread() noexcept {}
#endif

}  // namespace tensorlane
