// Large copies by several threads.

#include "core/memory/copy_crew.h"

#include <doctest/doctest.h>

#include <algorithm>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <ctime>
#include <memory>
#include <random>
#include <thread>
#include <vector>

#include "support/tasks.h"

using namespace tensorlane;
using namespace tensorlane::test;

namespace {

constexpr std::size_t kMost = 4 * CopyCrew::kLarge;
constexpr std::byte kUntouched{0xAB};

// The same bytes nowhere twice, by words of eight.
const std::byte* source() {
  static const std::vector<std::uint64_t> words = [] {
    std::vector<std::uint64_t> made(kMost / sizeof(std::uint64_t));
    std::mt19937_64 random(1);
    for (std::uint64_t& word : made) word = random();
    return made;
  }();
  return reinterpret_cast<const std::byte*>(words.data());
}

// Copies so many bytes from one offset to another, and checks that they and no others were written.
bool copies(CopyCrew& crew, std::size_t bytes, std::size_t from_offset, std::size_t to_offset) {
  constexpr std::size_t kMargin = 100;
  std::vector<std::byte> target(to_offset + bytes + kMargin, kUntouched);
  const std::vector<std::byte> margin(std::max(to_offset, kMargin), kUntouched);
  std::byte* const to = target.data() + to_offset;
  crew.copy(to, source() + from_offset, bytes);
  return std::memcmp(target.data(), margin.data(), to_offset) == 0 &&
         std::memcmp(to, source() + from_offset, bytes) == 0 && std::memcmp(to + bytes, margin.data(), kMargin) == 0;
}

double seconds(clockid_t clock) {
  timespec time{};
  clock_gettime(clock, &time);
  return static_cast<double>(time.tv_sec) + 1e-9 * static_cast<double>(time.tv_nsec);
}

}  // namespace

TEST_CASE("a copy of any size and alignment is exact") {
  constexpr std::size_t kLarge = CopyCrew::kLarge;
  for (const std::size_t helpers : {std::size_t{0}, std::size_t{1}, std::size_t{3}}) {
    CopyCrew crew(helpers);
    for (const std::size_t bytes :
         {std::size_t{0}, std::size_t{1}, kLarge - 1, kLarge, kLarge + 1, 3 * kLarge + 12345}) {
      for (const std::size_t offset : {std::size_t{0}, std::size_t{1}, std::size_t{63}}) {
        INFO(bytes, " bytes, offset ", offset, ", ", helpers, " helpers");
        CHECK(copies(crew, bytes, 0, offset));
        CHECK(copies(crew, bytes, offset, 7));
      }
    }
  }
}

TEST_CASE("threads are started by the first large copy, and not twice") {
  CopyCrew crew(2);
  CHECK(copies(crew, CopyCrew::kLarge - 1, 0, 0));
  CHECK(crew.helpers() == 0);
  CHECK(copies(crew, CopyCrew::kLarge, 0, 0));
  CHECK(crew.helpers() == 2);
  CHECK(copies(crew, CopyCrew::kLarge, 0, 0));
  CHECK(crew.helpers() == 2);
}

TEST_CASE("the helpers take part, and sleep when there is nothing to copy") {
  CopyCrew crew(1);
  std::vector<std::byte> target(kMost);
  // What the process has computed beside this thread.
  const auto elsewhere = [] { return seconds(CLOCK_PROCESS_CPUTIME_ID) - seconds(CLOCK_THREAD_CPUTIME_ID); };
  const double before = elsewhere();
  CHECK(eventually([&] {
    crew.copy(target.data(), source(), kMost);
    return elsewhere() - before > 0.02;
  }));
  const double after = elsewhere();
  std::this_thread::sleep_for(std::chrono::milliseconds(100));
  CHECK(elsewhere() - after < 0.05);
}

TEST_CASE("several callers copy at once, more of them than there are helpers") {
  for (const std::size_t helpers : {std::size_t{1}, std::size_t{3}}) {
    CopyCrew crew(helpers);
    std::vector<int> exact(5, 0);
    std::vector<std::thread> callers;
    for (std::size_t i = 0; i < exact.size(); ++i) {
      callers.emplace_back([&crew, &exact, i] {
        for (std::size_t round = 0; round < 5; ++round) {
          if (copies(crew, CopyCrew::kLarge + i * 100'003, i, round)) ++exact[i];
        }
      });
    }
    for (std::thread& caller : callers) caller.join();
    CHECK(exact == std::vector<int>(exact.size(), 5));
  }
}

TEST_CASE("a crew may be gone as soon as its last copy has returned") {
  for (int round = 0; round < 20; ++round) {
    auto crew = std::make_unique<CopyCrew>(3);
    CHECK(copies(*crew, CopyCrew::kLarge, 0, 0));
    crew.reset();
  }
}
