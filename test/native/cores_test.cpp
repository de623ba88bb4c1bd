// Threads that are bound to cores, as the system tells of them.
#include "core/cores/cores.h"

#include <doctest/doctest.h>

#include <algorithm>
#include <thread>
#include <vector>

#include "core/error.h"

using namespace tensorlane;

namespace {

std::vector<int> cores_of_new_thread() {
  std::vector<int> cores;
  std::thread([&] { cores = thread_cores(); }).join();
  return cores;
}

}  // namespace

#ifdef __linux__
TEST_CASE("cores: a thread is bound with those that it makes, and others are not") {
  const std::vector<int> all = thread_cores();
  REQUIRE(!all.empty());
  CHECK(std::is_sorted(all.begin(), all.end()));
  const std::vector<int> last{all.back()};
  std::vector<int> own;
  std::vector<int> made;
  std::vector<int> unbound;
  unsigned usable = 0;
  std::thread([&] {
    bind_thread(last);
    own = thread_cores();
    made = cores_of_new_thread();
    usable = usable_cores();
    std::thread([&] {
      unbind_thread();
      unbound = thread_cores();
    }).join();
  }).join();
  CHECK(own == last);
  CHECK(made == last);
  CHECK(unbound == all);
  CHECK(thread_cores() == all);
  CHECK(usable == usable_cores());  // the process has no fewer for a thread that has
}

TEST_CASE("cores: what there is not is refused, and changes nothing") {
  const std::vector<int> all = thread_cores();
  const auto refused = [](const std::vector<int>& cores) {
    try {
      bind_thread(cores);
    } catch (const Error& error) {
      return error.code() == Code::Argument;
    }
    return false;
  };
  CHECK(refused({}));
  CHECK(refused({-1}));
  CHECK(refused({1 << 20}));
  CHECK(refused({8000}));
  CHECK(refused({all.front(), 8000}));
  CHECK(thread_cores() == all);
}
#endif
