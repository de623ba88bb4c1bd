// Threads that help with the parts of an operation.
#include <doctest/doctest.h>

#include <atomic>
#include <cstddef>
#include <thread>
#include <vector>

#include "cpu/small/crew.h"

using tensorlane::cpu::small::Crew;

TEST_CASE("crew: every part is done once, and no two threads have a slot at once") {
  Crew& crew = Crew::shared();
  for (const std::size_t helpers : {std::size_t{0}, std::size_t{1}, std::size_t{3}}) {
    for (const std::size_t parts : {std::size_t{0}, std::size_t{1}, std::size_t{2}, std::size_t{500}}) {
      INFO(parts, " parts, ", helpers, " helpers");
      std::vector<std::atomic<int>> done(parts);
      std::vector<std::atomic<int>> in_slot(helpers + 1);
      std::atomic<int> faults{0};
      crew.run(parts, helpers, [&](std::size_t slot, std::size_t part) {
        if (slot > helpers || in_slot[slot].fetch_add(1) != 0) ++faults;
        ++done[part];
        std::this_thread::yield();
        if (slot <= helpers) --in_slot[slot];
      });
      CHECK(faults == 0);
      for (const std::atomic<int>& times : done) CHECK(times == 1);
    }
  }
}

// Each part waits until somebody else is at one as well: so there are two at work at once.
TEST_CASE("crew: a helper comes while the caller works") {
  std::atomic<int> at_work{0};
  std::atomic<bool> met{false};
  Crew::shared().run(2, 1, [&](std::size_t, std::size_t) {
    if (++at_work == 2) met = true;
    while (!met) std::this_thread::yield();
  });
  CHECK(met);
}

TEST_CASE("crew: several callers at once") {
  constexpr std::size_t kParts = 200;
  std::vector<std::atomic<int>> sums(4);
  std::vector<std::thread> callers;
  for (std::atomic<int>& sum : sums) {
    callers.emplace_back([&sum] {
      for (int round = 0; round < 20; ++round) {
        Crew::shared().run(kParts, 2, [&sum](std::size_t, std::size_t part) { sum += static_cast<int>(part); });
      }
    });
  }
  for (std::thread& caller : callers) caller.join();
  for (const std::atomic<int>& sum : sums) CHECK(sum == 20 * static_cast<int>(kParts * (kParts - 1) / 2));
}
