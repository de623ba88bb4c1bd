// Limits of CPU time and memory, read from trees of files as Linux lays them out.
#include <doctest/doctest.h>
#include <unistd.h>

#include <cstdint>
#include <filesystem>
#include <fstream>
#include <string>

#include "core/cores/cpu_quota.h"
#include "core/memory/memory_limit.h"

using namespace tensorlane;
namespace fs = std::filesystem;

namespace {

// A tree of its own, which goes with it.
class Tree {
 public:
  Tree() { fs::create_directories(root_); }
  ~Tree() { fs::remove_all(root_); }
  Tree(const Tree&) = delete;
  Tree& operator=(const Tree&) = delete;

  Tree& write(const std::string& file, const std::string& text) {
    fs::create_directories((root_ / file).parent_path());
    std::ofstream(root_ / file) << text;
    return *this;
  }
  Tree& in(const std::string& groups) { return write("proc/self/cgroup", groups); }
  [[nodiscard]] double quota() const { return cpu_quota(root_).value_or(0); }
  [[nodiscard]] std::uint64_t memory() const { return memory_limit(root_); }

 private:
  fs::path root_ = fs::temp_directory_path() / ("tensorlane-quota-" + std::to_string(getpid()));
};

}  // namespace

TEST_CASE("quota: none where nothing says so") {
  CHECK(Tree().quota() == 0);
  CHECK(Tree().in("0::/\n").quota() == 0);
  CHECK(Tree().in("0::/\n").write("sys/fs/cgroup/cpu.max", "max 100000\n").quota() == 0);
  CHECK(Tree()
            .in("1:cpu:/\n")
            .write("sys/fs/cgroup/cpu/cpu.cfs_quota_us", "-1\n")
            .write("sys/fs/cgroup/cpu/cpu.cfs_period_us", "100000\n")
            .quota() == 0);
  CHECK(Tree().in("nonsense\n::\n").write("sys/fs/cgroup/cpu.max", "x\n").quota() == 0);
}

TEST_CASE("quota: v2, in a container whose tree begins with its group, and of a group within others") {
  CHECK(Tree().in("0::/\n").write("sys/fs/cgroup/cpu.max", "150000 100000\n").quota() == doctest::Approx(1.5));
  Tree within;
  within.in("0::/pods/a/b\n").write("sys/fs/cgroup/pods/a/b/cpu.max", "max 100000\n");
  within.write("sys/fs/cgroup/pods/a/cpu.max", "400000 200000\n")
      .write("sys/fs/cgroup/pods/cpu.max", "800000 100000\n");
  CHECK(within.quota() == 2);
}

TEST_CASE("quota: v1, where cpu is mounted alone or with others") {
  const auto v1 = [](const std::string& group) {
    return std::pair{group + "/cpu.cfs_quota_us", group + "/cpu.cfs_period_us"};
  };
  for (const std::string controllers : {"cpu", "cpu,cpuacct", "cpuacct,cpu"}) {
    Tree tree;
    tree.in("5:memory:/m\n4:" + controllers + ":/docker/x\n0::/\n");
    const auto [quota, period] = v1("sys/fs/cgroup/" + controllers + "/docker/x");
    tree.write(quota, "50000\n").write(period, "100000\n");
    CHECK(tree.quota() == doctest::Approx(0.5));
  }
  // The group's path is the host's, and not below the mount.
  Tree container;
  const auto [quota, period] = v1("sys/fs/cgroup/cpu");
  container.in("4:cpu:/docker/x\n").write(quota, "250000\n").write(period, "100000\n");
  CHECK(container.quota() == doctest::Approx(2.5));
}

TEST_CASE("quota: other controllers' groups say nothing of it") {
  Tree tree;
  tree.in("2:cpuset:/a\n").write("sys/fs/cgroup/cpuset/a/cpu.cfs_quota_us", "100000\n");
  tree.write("sys/fs/cgroup/cpuset/a/cpu.cfs_period_us", "100000\n");
  CHECK(tree.quota() == 0);
}

TEST_CASE("memory: the machine's where nothing says less") {
  const std::uint64_t machine = Tree().memory();
  CHECK(machine > 0);
  CHECK(Tree().in("0::/a\n").write("sys/fs/cgroup/a/memory.max", "max\n").memory() == machine);
  CHECK(Tree().in("0::/a\n").write("sys/fs/cgroup/a/memory.max", "0\n").memory() == machine);
  CHECK(
      Tree().in("1:memory:/\n").write("sys/fs/cgroup/memory/memory.limit_in_bytes", "9223372036854771712\n").memory() ==
      machine);
}

TEST_CASE("memory: the least of a group's and those that it lies in, of v2 and v1") {
  CHECK(Tree()
            .in("0::/a/b\n")
            .write("sys/fs/cgroup/a/memory.max", "1048576\n")
            .write("sys/fs/cgroup/a/b/memory.max", "2097152\n")
            .memory() == 1048576);
  CHECK(Tree().in("0::/\n").write("sys/fs/cgroup/memory.max", "65536\n").memory() == 65536);
  CHECK(Tree()
            .in("7:cpu:/x\n4:memory:/a\n")
            .write("sys/fs/cgroup/memory/a/memory.limit_in_bytes", "4096\n")
            .write("sys/fs/cgroup/memory/x/memory.limit_in_bytes", "1024\n")
            .memory() == 4096);
}
