// The cores that OpenBLAS's callers get.

#include "cpu/linalg/blas_share.h"

#include <cblas.h>
#include <doctest/doctest.h>
#include <spawn.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <chrono>
#include <csignal>
#include <memory>
#include <string>
#include <thread>
#include <vector>

#include "core/cores/neighbours.h"
#include "cpu/linalg/blas_crowding.h"

using tensorlane::cores_left_by_others;
using tensorlane::cpu::BlasCrowding;
using tensorlane::cpu::BlasShare;

namespace {

// Leaves the process with one core, as the other tests expect nothing in particular. Whatever the machine does, others leave all of them, unless
// somebody else says how many.
struct Cores {
  explicit Cores(unsigned cores, BlasShare::Left left = [](unsigned wanted) noexcept { return wanted; }) {
    BlasShare::set_left_by_others(left);
    BlasShare::set_cores(cores);
  }
  Cores(const Cores&) = delete;
  Cores& operator=(const Cores&) = delete;
  ~Cores() {
    BlasShare::set_left_by_others(cores_left_by_others);
    BlasShare::set_cores(1);
  }
};

}  // namespace

TEST_CASE("a caller that is alone gets all cores, several share them, and nobody gets none") {
  const Cores cores(2);
  {
    const BlasShare alone;
    CHECK_MESSAGE(openblas_get_num_threads() == 2, "alone");
    {
      const BlasShare second;
      CHECK_MESSAGE(openblas_get_num_threads() == 1, "the second of two");
      const BlasShare third;
      CHECK_MESSAGE(openblas_get_num_threads() == 1, "the third on two cores");
    }
  }
  BlasShare::set_cores(2);  // forgets a busy machine, which may have kept this thread waiting
  const BlasShare next;
  CHECK_MESSAGE(openblas_get_num_threads() == 2, "alone again");
}

TEST_CASE("a caller gets no more cores than it can use, and the next one is not bound by that") {
  const Cores cores(4);
  {
    const BlasShare small(1);
    CHECK_MESSAGE(openblas_get_num_threads() == 1, "one that can use one core");
    const BlasShare large;
    CHECK_MESSAGE(openblas_get_num_threads() == 2, "one that can use all, beside it");
  }
  BlasShare::set_cores(4);
  const BlasShare most(3);
  CHECK_MESSAGE(openblas_get_num_threads() == 3, "one that can use three of four");
}

TEST_CASE("more callers than OpenBLAS has buffers for wait for their turn") {
  const Cores cores(1);
  std::vector<std::unique_ptr<BlasShare>> held;
  for (int i = 0; i < 32; ++i) held.push_back(std::make_unique<BlasShare>());
  std::atomic<bool> entered = false;
  std::thread late([&entered] {
    const BlasShare share;
    entered = true;
  });
  std::this_thread::sleep_for(std::chrono::milliseconds(50));
  CHECK_MESSAGE(!entered.load(), "the 33rd caller did not wait");
  held.pop_back();
  late.join();
  CHECK_MESSAGE(entered.load(), "the 33rd caller never entered");
}

TEST_CASE(
    "where others want the cores there is one thread for a while, longer each time, and several after one that went "
    "well") {
  using std::chrono::milliseconds;
  using std::chrono::seconds;
  BlasCrowding crowding;
  BlasCrowding::Time now{seconds(1000)};
  const auto waits = [&] { crowding.saw(milliseconds(500), milliseconds(200), now); };
  const auto goes_well = [&] { crowding.saw(milliseconds(500), milliseconds(495), now); };

  CHECK_MESSAGE(!crowding.crowded(now), "at first");
  goes_well();
  CHECK_MESSAGE(!crowding.crowded(now), "after one that had its core");
  crowding.saw(milliseconds(1), milliseconds(0), now);
  CHECK_MESSAGE(!crowding.crowded(now), "after one that was too short to tell");

  for (const int pause : {1, 2, 4, 8, 16, 30, 30}) {
    waits();
    CHECK_MESSAGE(crowding.crowded(now + seconds(pause) - milliseconds(1)), "before " << pause << " s have gone");
    now += seconds(pause);
    CHECK_MESSAGE(!crowding.crowded(now), "after " << pause << " s: one tries");
  }
  goes_well();
  waits();
  CHECK_MESSAGE(!crowding.crowded(now + seconds(1)), "the pauses begin anew after one that went well");
}

TEST_CASE("cores that others keep busy are given to nobody, and one there always is") {
  static std::atomic<unsigned> left = 2;
  const Cores cores(4, [](unsigned wanted) noexcept { return std::min(wanted, left.load()); });
  {
    const BlasShare share;
    CHECK_MESSAGE(openblas_get_num_threads() == 2, "two of four are left");
  }
  {
    const BlasShare most(3);
    CHECK_MESSAGE(openblas_get_num_threads() == 2, "whoever can use three gets no more than are left, either");
  }
  left = 1;
  BlasShare::set_cores(4);  // looks anew
  const BlasShare share;
  CHECK_MESSAGE(openblas_get_num_threads() == 1, "one of four is left");
}

TEST_CASE("what runs on the machine is read as the kernel writes it") {
  using tensorlane::running_threads;
  CHECK(running_threads("0.52 0.58 0.59 3/257 12345\n") == 3U);
  CHECK(running_threads("112.00 98.10 64.03 1024/99999 4194304\n") == 1024U);
  for (const char* none : {"", "0.00 0.00 0.00 0/0 0\n", "3/257", "0.1 0.1 0.1 -1/2 3", "0.1 0.1 0.1 x/2 3", "0.1 0.1"})
    CHECK_MESSAGE(!running_threads(none).has_value(), none);
}

#ifdef __linux__
TEST_CASE("processes that compute all the time are seen, and this one's own threads that do") {
  const auto count = static_cast<unsigned>(sysconf(_SC_NPROCESSORS_ONLN)) + 1;
  const auto eventually = [](auto&& holds) {
    const auto until = std::chrono::steady_clock::now() + std::chrono::minutes(2);
    while (!holds() && std::chrono::steady_clock::now() < until) std::this_thread::yield();
    return holds();
  };
  std::atomic<bool> stop = false;
  std::vector<std::thread> own;
  for (unsigned i = 0; i < count; ++i) {
    own.emplace_back([&stop] {
      while (!stop) {
      }
    });
  }
  const bool own_are_seen = eventually([&] { return tensorlane::own_running_threads() > count; });
  stop = true;
  for (std::thread& thread : own) thread.join();
  CHECK_MESSAGE(own_are_seen, "this process's own busy threads are counted");

  std::vector<pid_t> others;
  std::string shell = "sh";
  std::string option = "-c";
  std::string busy = "while :; do :; done";
  char* const command[] = {shell.data(), option.data(), busy.data(), nullptr};
  for (unsigned i = 0; i < count; ++i) {
    pid_t pid = 0;
    REQUIRE(posix_spawnp(&pid, "sh", nullptr, nullptr, command, environ) == 0);
    others.push_back(pid);
  }
  const bool seen = eventually([&] { return cores_left_by_others(count) == 1; });
  for (const pid_t pid : others) {
    kill(pid, SIGKILL);
    waitpid(pid, nullptr, 0);
  }
  CHECK_MESSAGE(seen, "more busy processes than cores leave one core");
}
#endif
