// Mistakes are reported: by the emulation itself, and by the sanitizer it was built with.
#include "runtime/sanitizers.h"
#include "runtime/support.h"

using emulation_tests::Child;
using emulation_tests::run_child;

namespace {

bool has(const Child& child, const char* text) { return child.output.find(text) != std::string::npos; }

}  // namespace

TEST_CASE("a correct program is reported for nothing") {
  const Child child = run_child("wrong_child", "nothing");
  INFO(child.output);
  CHECK_EQ(child.status, 0);
  CHECK_EQ(child.output, "done\n");
}

TEST_CASE("host code that touches device memory is stopped") {
  const Child child = run_child("wrong_child", "host-access");
  INFO(child.output);
  CHECK_NE(child.status, 0);
  CHECK(has(child, "emulation: host code touched device memory at 0x"));
  CHECK(has(child, "(offset 12 in an allocation of 256 bytes)"));
}

TEST_CASE("a kernel that follows an address written by the host is stopped") {
  const Child child = run_child("wrong_child", "host-pointer-in-memory");
  INFO(child.output);
  CHECK_NE(child.status, 0);
  CHECK(has(child, "emulation: a kernel touched device memory by an address that the host wrote down"));
}

TEST_CASE("a process may end while its streams work") {
  const Child child = run_child("wrong_child", "ends-while-busy");
  INFO(child.output);
  CHECK_EQ(child.status, 0);
}

#ifdef EMULATION_ASAN
TEST_CASE("AddressSanitizer reports what kernels do outside of allocations") {
  for (const char* mistake : {"out-of-bounds", "use-after-free"}) {
    const Child child = run_child("wrong_child", mistake);
    INFO(mistake << "\n" << child.output);
    CHECK_NE(child.status, 0);
    CHECK(has(child, "AddressSanitizer: use-after-poison"));
    CHECK(has(child, "write_at"));
  }
  const Child child = run_child("wrong_child", "shared-out-of-bounds");
  INFO(child.output);
  CHECK_NE(child.status, 0);
  CHECK(has(child, "AddressSanitizer: heap-buffer-overflow"));
}
#endif

#ifdef EMULATION_TSAN
TEST_CASE("ThreadSanitizer reports races of a kernel's threads, of streams and of the host") {
  for (const char* mistake :
       {"race", "no-barrier", "blocks", "streams", "streams-later", "pinned-too-early", "read-too-early"}) {
    const Child child = run_child("wrong_child", mistake);
    INFO(mistake << "\n" << child.output);
    CHECK_EQ(child.status, 66);
    CHECK(has(child, "ThreadSanitizer: data race"));
  }
}
#endif
