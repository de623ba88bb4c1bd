// Starting a pool's threads, where the system refuses one.
#include <doctest/doctest.h>
#include <pthread.h>
#include <sys/resource.h>

#include <cstddef>
#include <fstream>
#include <system_error>

#include "core/lanes/lane.h"

using namespace tensorlane;

namespace {

// Lets one more thread start, but not two: thread stacks become large, and the address space ends soon after the first.
class FewThreads {
 public:
  FewThreads() {
    pthread_getattr_default_np(&before_);
    pthread_attr_t large;
    pthread_attr_init(&large);
    pthread_attr_setstacksize(&large, kStack);
    pthread_setattr_default_np(&large);
    pthread_attr_destroy(&large);
    getrlimit(RLIMIT_AS, &limit_);
    rlimit lower = limit_;
    std::ifstream statm("/proc/self/statm");
    rlim_t pages = 0;
    statm >> pages;
    lower.rlim_cur = pages * 4096 + kStack + kStack / 2;
    setrlimit(RLIMIT_AS, &lower);
  }
  FewThreads(const FewThreads&) = delete;
  FewThreads& operator=(const FewThreads&) = delete;
  ~FewThreads() {
    setrlimit(RLIMIT_AS, &limit_);
    pthread_setattr_default_np(&before_);
    pthread_attr_destroy(&before_);
  }

 private:
  static constexpr std::size_t kStack = std::size_t{2} << 30U;
  pthread_attr_t before_;
  rlimit limit_{};
};

}  // namespace

// The threads that did start must be joined, or their destructors end the process.
TEST_CASE("a pool whose threads cannot all be started throws") {
  bool thrown = false;
  {
    const FewThreads few;
    try {
      const LanePool pool(3);
    } catch (const std::system_error&) {
      thrown = true;
    }
  }
  CHECK_MESSAGE(thrown, "three lanes were started where there is room for one");
  CHECK_MESSAGE(LanePool::quiesce_all(0), "the pool that failed is still registered");
}
