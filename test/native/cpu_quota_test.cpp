// Limits of CPU time, read from trees of files as Linux lays them out.
#include "core/cpu_quota.h"

#include <doctest/doctest.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>
#include <string>

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
