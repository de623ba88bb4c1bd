#include "core/memory/workspace.h"

#include <doctest/doctest.h>

#include <algorithm>
#include <cstdint>

using tensorlane::Workspace;

namespace {

bool is_aligned(const std::byte* memory) {
  return reinterpret_cast<std::uintptr_t>(memory) % Workspace::kAlignment == 0;
}

}  // namespace

TEST_CASE("a workspace only grows") {
  Workspace workspace;
  CHECK(workspace.capacity() == 0);
  std::size_t before = 0;
  for (const std::size_t bytes : {1, 63, 64, 65, 4096, 100, 1, 1'000'001}) {
    CAPTURE(bytes);
    std::byte* memory = workspace.take(bytes);
    REQUIRE(memory != nullptr);
    CHECK(is_aligned(memory));
    CHECK(workspace.capacity() >= bytes);
    CHECK_MESSAGE(workspace.capacity() >= before, "it shrank");
    before = workspace.capacity();
    std::fill_n(memory, bytes, std::byte{1});  // AddressSanitizer says whether it is all there
  }
}

TEST_CASE("a workspace that is large enough is not allocated anew") {
  Workspace workspace;
  const std::byte* memory = workspace.take(1000);
  const std::size_t capacity = workspace.capacity();
  for (const std::size_t bytes : {std::size_t{0}, std::size_t{1}, std::size_t{1000}, capacity}) {
    CAPTURE(bytes);
    CHECK(workspace.take(bytes) == memory);
  }
  CHECK(workspace.capacity() == capacity);
}

TEST_CASE("trim() gives back what is above its limit, and nothing below") {
  Workspace workspace;
  workspace.trim(0);
  CHECK(workspace.capacity() == 0);
  static_cast<void>(workspace.take(640));
  workspace.trim(640);
  CHECK(workspace.capacity() == 640);
  workspace.trim(639);
  CHECK(workspace.capacity() == 0);
  std::byte* memory = workspace.take(64);
  std::fill_n(memory, 64, std::byte{2});
  CHECK(workspace.capacity() == 64);
}
