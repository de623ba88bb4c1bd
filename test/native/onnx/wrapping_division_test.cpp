// The smallest integers by -1, in the forms of the instruction that compilers make.
#include "onnx/guard/wrapping_division.h"

#include <doctest/doctest.h>

#if defined(__x86_64__) && defined(__linux__)

#include <ucontext.h>

#include <csignal>
#include <cstdint>
#include <limits>

using namespace tensorlane;

namespace {

constexpr std::int64_t kLeast64 = std::numeric_limits<std::int64_t>::min();
constexpr std::int32_t kLeast32 = std::numeric_limits<std::int32_t>::min();

std::int64_t minus_one_64 = -1;  // addressed from the instruction
std::int32_t minus_one_32 = -1;

// One division: the dividend in rdx:rax, the divisor as the instruction has it, and beside it what it is addressed by.
#define DIVIDE(type, extend, instruction, dividend, ...)      \
  [&] {                                                       \
    type quotient = dividend;                                 \
    type remainder = 7;                                       \
    asm volatile(extend "\n\t" instruction                    \
                 : "+a"(quotient), "=&d"(remainder)           \
                 : __VA_ARGS__                                \
                 : "cc", "memory", "r8", "r9", "r12", "r13"); \
    return quotient == (dividend) && remainder == 0;          \
  }()

#define DIVIDE_64(instruction, ...) DIVIDE(std::int64_t, "cqto", instruction, kLeast64, __VA_ARGS__)
#define DIVIDE_32(instruction, ...) DIVIDE(std::int32_t, "cltd", instruction, kLeast32, __VA_ARGS__)

// The test's own, as doctest has one too, which would be before it.
class Handler {
 public:
  Handler() {
    ort::wrap_division_in(reinterpret_cast<const void*>(&minus_one));
    struct sigaction action = {};
    action.sa_sigaction = [](int, siginfo_t* info, void* context) {
      if (ort::wrap_division(info, context)) return;
      refused = true;
      static_cast<ucontext_t*>(context)->uc_mcontext.gregs[REG_RIP] += kLength;
    };
    action.sa_flags = SA_SIGINFO;
    sigaction(SIGFPE, &action, &before_);
  }
  ~Handler() { sigaction(SIGFPE, &before_, nullptr); }
  Handler(const Handler&) = delete;
  Handler& operator=(const Handler&) = delete;

  static constexpr int kLength = 2;  // of the instructions that are refused here
  static inline volatile bool refused = false;

 private:
  static void minus_one() {}
  struct sigaction before_ = {};
};

}  // namespace

TEST_CASE("the smallest integer by -1 wraps, wherever the divisor lies") {
  const Handler handler;
  std::int64_t wide[300];
  std::int32_t narrow[300];
  for (auto& one : wide) one = -1;
  for (auto& one : narrow) one = -1;
  const std::int64_t index = 3;
  CHECK(DIVIDE_64("idivq %2", "r"(minus_one_64)));
  CHECK(DIVIDE_32("idivl %2", "r"(minus_one_32)));
  CHECK(DIVIDE_64("idivq minus(%%rip)\n\t.pushsection .data\nminus: .quad -1\n\t.popsection", "r"(0)));
  CHECK(DIVIDE_64("movq %2, %%r9\n\tidivq %%r9", "r"(minus_one_64)));
  CHECK(DIVIDE_32("movl %2, %%r13d\n\tidivl %%r13d", "r"(minus_one_32)));
  CHECK(DIVIDE_64("idivq (%2)", "r"(wide)));
  CHECK(DIVIDE_32("idivl 4(%2)", "r"(narrow)));
  CHECK(DIVIDE_64("idivq 1024(%2)", "r"(wide)));
  CHECK(DIVIDE_64("idivq -8(%2)", "r"(wide + 1)));
  CHECK(DIVIDE_64("idivq (%2,%3,8)", "r"(wide), "r"(index)));
  CHECK(DIVIDE_32("idivl 8(%2,%3,4)", "r"(narrow), "r"(index)));
  CHECK(DIVIDE_32("idivl 1024(%2,%3,2)", "r"(narrow), "r"(index * 2)));
  CHECK(DIVIDE_64("movq %2, %%r12\n\tidivq (%%r12)", "r"(wide)));
  CHECK(DIVIDE_64("movq %2, %%r13\n\tidivq 8(%%r13)", "r"(wide)));
  CHECK(DIVIDE_64("movq %2, %%r12\n\tmovq %3, %%r13\n\tidivq 8(%%r13,%%r12,8)", "r"(index), "r"(wide)));
  CHECK(DIVIDE_64("movq %2, %%r12\n\tidivq 0(,%%r12,8)", "r"(reinterpret_cast<std::uintptr_t>(wide) / 8)));
  CHECK(DIVIDE_32("pushq $-1\n\tidivl (%%rsp)\n\tpopq %%r8", "r"(0)));
}

TEST_CASE("what is no such division is left to others") {
  const Handler handler;
  const auto refuses = [](std::int32_t low, std::int32_t high, std::int32_t divisor) {
    Handler::refused = false;
    asm volatile("idivl %2" : "+a"(low), "+d"(high) : "c"(divisor) : "cc");
    return Handler::refused;
  };
  CHECK(refuses(7, 0, 0));
  CHECK(refuses(kLeast32, -1, 0));
  CHECK(refuses(0, 5, 2));           // beyond its quotient
  CHECK(refuses(kLeast32, -2, -1));  // that of a wider dividend
  const std::uint32_t zero = 0;
  Handler::refused = false;
  std::uint32_t quotient = 5;
  std::uint32_t remainder = 0;
  asm volatile("divl %2" : "+a"(quotient), "+d"(remainder) : "c"(zero) : "cc");
  CHECK(Handler::refused);
}

#endif
