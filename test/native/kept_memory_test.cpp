// Memory of large blocks that is kept for the next ones.
#include "core/memory/kept_memory.h"

#include <doctest/doctest.h>

#include <algorithm>
#include <atomic>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <thread>
#include <vector>

#include "core/memory/host_block.h"
#include "core/memory/workspace.h"

using namespace tensorlane;
using namespace std::chrono_literals;

namespace {

constexpr std::size_t kMiB = std::size_t{1} << 20U;

// Longer than any test takes.
constexpr auto kNever = std::chrono::hours(1);

// The time is there only to turn a hang into a failure.
bool comes_to_keep_nothing(KeptMemory& memory) {
  for (int i = 0; i < 3000 && memory.usage().bytes != 0; ++i) std::this_thread::sleep_for(10ms);
  const KeptMemory::Usage usage = memory.usage();
  return usage.bytes == 0 && usage.blocks == 0;
}

void take_and_give(KeptMemory& memory, std::size_t bytes) { memory.give(memory.take(bytes)); }

}  // namespace

TEST_CASE("kept memory: a block serves the next of like size, and no other") {
  KeptMemory memory(64 * kMiB, kNever);
  const KeptMemory::User user(memory);
  const KeptMemory::Block first = memory.take(8 * kMiB);
  REQUIRE(first.memory != nullptr);
  CHECK(first.fresh);
  CHECK(memory.usage().bytes == 0);
  std::fill_n(static_cast<std::byte*>(first.memory), first.bytes, std::byte{1});
  memory.give(first);
  CHECK(memory.usage().bytes == 8 * kMiB);
  CHECK(memory.usage().blocks == 1);

  for (const std::size_t other : {8 * kMiB + 1, 7 * kMiB, 16 * kMiB, KeptMemory::kLeast, std::size_t{1}}) {
    CAPTURE(other);
    const KeptMemory::Block block = memory.take(other);
    CHECK(block.fresh);
    CHECK(block.memory != first.memory);
    CHECK(block.bytes == other);
    std::free(block.memory);
  }
  CHECK(memory.usage().reused == 0);

  const std::size_t less = 8 * kMiB - kMiB / 2;
  const KeptMemory::Block again = memory.take(less);
  CHECK(again.memory == first.memory);
  CHECK_FALSE(again.fresh);
  CHECK(again.bytes == 8 * kMiB);
  CHECK(memory.usage().bytes == 0);
  CHECK(memory.usage().reused == 1);
  std::fill_n(static_cast<std::byte*>(again.memory), less, std::byte{2});  // AddressSanitizer says whether it may
  memory.give(again);
}

TEST_CASE("kept memory: of several the one that fits best, and of equal ones the last") {
  KeptMemory memory(64 * kMiB, kNever);
  const KeptMemory::User user(memory);
  std::vector<KeptMemory::Block> blocks;
  for (const std::size_t bytes : {9 * kMiB, 8 * kMiB, 8 * kMiB, 9 * kMiB}) blocks.push_back(memory.take(bytes));
  for (const KeptMemory::Block& block : blocks) memory.give(block);
  std::vector<void*> taken;
  for (int i = 0; i < 4; ++i) {
    const KeptMemory::Block block = memory.take(8 * kMiB);
    taken.push_back(block.memory);
    blocks[static_cast<std::size_t>(i)] = block;
  }
  CHECK(memory.usage().reused == 4);
  for (const KeptMemory::Block& block : blocks) memory.give(block);
  CHECK(std::ranges::adjacent_find(taken) == taken.end());
  CHECK(blocks[0].bytes == 8 * kMiB);
  CHECK(blocks[1].bytes == 8 * kMiB);
  CHECK(blocks[2].bytes == 9 * kMiB);
}

TEST_CASE("kept memory: never more than the most, together with what is given out anew") {
  KeptMemory memory(10 * kMiB, kNever);
  const KeptMemory::User user(memory);
  std::vector<KeptMemory::Block> blocks;
  for (int i = 0; i < 5; ++i) blocks.push_back(memory.take(3 * kMiB));
  for (const KeptMemory::Block& block : blocks) {
    memory.give(block);
    CHECK(memory.usage().bytes <= 10 * kMiB);
  }
  CHECK(memory.usage().blocks == 3);
  const KeptMemory::Block last = memory.take(3 * kMiB);
  CHECK(last.memory == blocks.back().memory);  // the first two had to go
  memory.give(last);

  take_and_give(memory, 11 * kMiB);  // none of it is kept, and all had to go for it
  CHECK(memory.usage().bytes == 0);
  take_and_give(memory, 3 * kMiB);
  take_and_give(memory, 6 * kMiB);
  CHECK(memory.usage().bytes == 9 * kMiB);
  take_and_give(memory, 5 * kMiB);
  CHECK(memory.usage().bytes == 5 * kMiB);
  take_and_give(memory, KeptMemory::kLeast - 1);
  CHECK(memory.usage().bytes == 5 * kMiB);
}

TEST_CASE("kept memory: trim() gives back what is kept") {
  KeptMemory memory(64 * kMiB, kNever);
  const KeptMemory::User user(memory);
  memory.trim();
  take_and_give(memory, 2 * kMiB);
  take_and_give(memory, 4 * kMiB);
  CHECK(memory.usage().blocks == 2);
  memory.trim();
  CHECK(memory.usage().bytes == 0);
  CHECK(memory.usage().blocks == 0);
}

TEST_CASE("kept memory: what nobody takes is given back after a while, again and again") {
  KeptMemory memory(64 * kMiB, 20ms);
  const KeptMemory::User user(memory);
  for (int round = 0; round < 3; ++round) {
    take_and_give(memory, 2 * kMiB);
    take_and_give(memory, 4 * kMiB);
    CHECK(comes_to_keep_nothing(memory));
  }
}

TEST_CASE("kept memory: nothing is kept without a user, nor after the last one went") {
  KeptMemory memory(64 * kMiB, kNever);
  take_and_give(memory, 2 * kMiB);
  CHECK(memory.usage().bytes == 0);
  const KeptMemory::Block late = memory.take(2 * kMiB);
  for (int round = 0; round < 2; ++round) {
    const KeptMemory::User first(memory);
    {
      const KeptMemory::User second(memory);
      take_and_give(memory, 2 * kMiB);
      take_and_give(memory, 4 * kMiB);
    }
    CHECK(memory.usage().bytes == 6 * kMiB);
  }
  CHECK(comes_to_keep_nothing(memory));
  memory.give(late);
  CHECK(memory.usage().bytes == 0);
}

TEST_CASE("kept memory: on several threads at once nobody has what another has") {
  KeptMemory memory(24 * kMiB, 1ms);
  const KeptMemory::User user(memory);
  std::atomic<int> faults{0};
  std::vector<std::thread> threads;
  for (int thread = 1; thread <= 4; ++thread) {
    threads.emplace_back([&memory, &faults, mine = static_cast<std::byte>(thread)] {
      for (std::size_t round = 0; round < 200; ++round) {
        const std::size_t bytes = (2 + round % 4) * kMiB;
        const KeptMemory::Block block = memory.take(bytes);
        auto* data = static_cast<std::byte*>(block.memory);
        for (std::size_t at = 0; at < bytes; at += 65536) data[at] = mine;
        std::this_thread::yield();
        for (std::size_t at = 0; at < bytes; at += 65536) {
          if (data[at] != mine) ++faults;
        }
        memory.give(block);
        if (round % 50 == 49) memory.trim();
      }
    });
  }
  for (std::thread& thread : threads) thread.join();
  CHECK(faults == 0);
  CHECK(comes_to_keep_nothing(memory));
}

TEST_CASE("host blocks: they begin cache lines, and large ones come back") {
  const KeptMemory::User user;
  for (const std::size_t bytes : {std::size_t{0}, std::size_t{1}, std::size_t{100}, 2 * kMiB, 5 * kMiB}) {
    CAPTURE(bytes);
    const std::uint64_t before = KeptMemory::shared().usage().reused;
    const bool large = bytes >= KeptMemory::kLeast;
    // A machine that stands still for a second between two rounds gives back what the second would have taken.
    for (int round = 0; round < (large ? 20 : 2) && KeptMemory::shared().usage().reused == before; ++round) {
      const HostBlock block(bytes);
      REQUIRE(block.data() != nullptr);
      CHECK(block.bytes() == bytes);
      CHECK(reinterpret_cast<std::uintptr_t>(block.data()) % Workspace::kAlignment == 0);
      std::fill_n(static_cast<std::byte*>(block.data()), bytes, std::byte{3});
    }
    CHECK(KeptMemory::shared().usage().reused - before == (large ? 1U : 0U));
  }
  KeptMemory::shared().trim();
  CHECK(HostBlock(static_cast<std::size_t>(-1)).data() == nullptr);
  CHECK(HostBlock(static_cast<std::size_t>(-1) / 2).data() == nullptr);
}
