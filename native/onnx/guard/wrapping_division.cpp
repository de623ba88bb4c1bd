#include "onnx/guard/wrapping_division.h"

#if defined(__x86_64__) && defined(__linux__)

#include <link.h>
#include <pthread.h>
#include <ucontext.h>

#include <array>
#include <atomic>
#include <csignal>
#include <cstdint>
#include <cstring>
#include <limits>
#include <mutex>
#include <optional>

namespace tensorlane::ort {
namespace {

// What lies between these addresses may be code of the library. Written once, before the count says so.
struct Range {
  std::uintptr_t begin = 0, end = 0;
};
std::array<Range, 4> ranges;
std::atomic<std::size_t> range_count{0};
struct sigaction before;  // written before the handler is set

bool is_ours(std::uintptr_t address) {
  for (std::size_t i = 0; i < range_count.load(std::memory_order_acquire); ++i) {
    if (address >= ranges[i].begin && address < ranges[i].end) return true;
  }
  return false;
}

// By the numbers that instructions have for them.
constexpr std::array<int, 16> kRegisters{REG_RAX, REG_RCX, REG_RDX, REG_RBX, REG_RSP, REG_RBP, REG_RSI, REG_RDI,
                                         REG_R8,  REG_R9,  REG_R10, REG_R11, REG_R12, REG_R13, REG_R14, REG_R15};

template <typename T>
T read(std::uintptr_t address) {
  T value;
  std::memcpy(&value, reinterpret_cast<const void*>(address), sizeof value);  // NOLINT(performance-no-int-to-ptr)
  return value;
}

struct Division {
  bool wide;             // of 64 bits, not of 32
  std::int64_t divisor;  // where the processor found it a moment ago
  std::uintptr_t next;   // the instruction behind it
};

// idiv of a register or of memory, in the forms that compilers make: [REX] F7 /7. Intel's manual, volume 2, chapter 2.
std::optional<Division> decode(const greg_t* registers) {
  auto at = static_cast<std::uintptr_t>(registers[REG_RIP]);
  const auto of = [&](unsigned number) { return static_cast<std::uintptr_t>(registers[kRegisters[number]]); };
  unsigned rex = 0;
  if ((read<std::uint8_t>(at) & 0xF0U) == 0x40U) rex = read<std::uint8_t>(at++);
  if (read<std::uint8_t>(at++) != 0xF7U) return std::nullopt;
  const unsigned form = read<std::uint8_t>(at++);
  if ((form >> 3U & 7U) != 7U) return std::nullopt;
  const bool wide = (rex & 8U) != 0;
  const unsigned high = (rex & 1U) << 3U;  // of the register that memory is addressed by, or that is the divisor
  const unsigned mode = form >> 6U;
  const unsigned base = form & 7U;
  if (mode == 3) {
    const std::uintptr_t value = of(base | high);
    return Division{wide, wide ? static_cast<std::int64_t>(value) : static_cast<std::int32_t>(value), at};
  }
  std::uintptr_t address = 0;
  bool behind_next = false;
  bool is_long = mode == 2;
  if (base == 4) {  // scaled: an index beside it
    const unsigned scaled = read<std::uint8_t>(at++);
    const unsigned index = (scaled >> 3U & 7U) | (rex & 2U) << 2U;
    if (index != 4) address += of(index) << (scaled >> 6U);
    const bool has_base = mode != 0 || (scaled & 7U) != 5;
    if (has_base) address += of((scaled & 7U) | high);
    is_long = is_long || !has_base;
  } else if (mode == 0 && base == 5) {
    behind_next = is_long = true;
  } else {
    address = of(base | high);
  }
  std::int64_t distance = 0;
  if (is_long) {
    distance = read<std::int32_t>(at);
    at += sizeof(std::int32_t);
  } else if (mode == 1) {
    const std::int64_t byte = read<std::uint8_t>(at++);
    distance = byte < 128 ? byte : byte - 256;
  }
  address += static_cast<std::uintptr_t>(distance) + (behind_next ? at : 0);
  return Division{wide, wide ? read<std::int64_t>(address) : read<std::int32_t>(address), at};
}

// Gives the quotient and the remainder, where it is the division that this is for.
bool wrap(greg_t* registers) {
  if (!is_ours(static_cast<std::uintptr_t>(registers[REG_RIP]))) return false;
  const std::optional<Division> division = decode(registers);
  if (!division.has_value() || division->divisor != -1) return false;
  constexpr std::int64_t kLeast64 = std::numeric_limits<std::int64_t>::min();
  constexpr std::int32_t kLeast32 = std::numeric_limits<std::int32_t>::min();
  const std::int64_t low = registers[REG_RAX];
  const std::int64_t high = registers[REG_RDX];  // of the dividend, which is sign-extended
  const bool least = division->wide
                         ? low == kLeast64 && high == -1
                         : static_cast<std::int32_t>(low) == kLeast32 && static_cast<std::int32_t>(high) == -1;
  if (!least) return false;
  if (!division->wide) registers[REG_RAX] = std::int64_t{1} << 31U;  // the upper half is zero after it
  registers[REG_RDX] = 0;
  registers[REG_RIP] = static_cast<greg_t>(division->next);
  return true;
}

// As if this handler were not there.
void hand_on(int signal, siginfo_t* info, void* context) {
  if ((before.sa_flags & SA_SIGINFO) != 0) return before.sa_sigaction(signal, info, context);
  if (before.sa_handler != SIG_DFL && before.sa_handler != SIG_IGN) return before.sa_handler(signal);
  const bool is_raised = info->si_code <= 0;  // by somebody, not by an instruction, which cannot be ignored
  if (before.sa_handler == SIG_IGN && is_raised) return;
  struct sigaction standard = {};
  standard.sa_handler = SIG_DFL;
  sigaction(SIGFPE, &standard, nullptr);
  if (is_raised) raise(signal);  // once it is over here; an instruction does so by itself
}

void handle(int signal, siginfo_t* info, void* context) {
  if (!wrap_division(info, context)) hand_on(signal, info, context);
}

Range code_around(const void* inside) {
  struct Search {
    std::uintptr_t wanted;
    Range found;
  } search{reinterpret_cast<std::uintptr_t>(inside), {}};
  dl_iterate_phdr(
      [](dl_phdr_info* object, std::size_t, void* data) {
        auto& of = *static_cast<Search*>(data);
        for (int i = 0; i < object->dlpi_phnum; ++i) {
          const auto& part = object->dlpi_phdr[i];
          const std::uintptr_t begin = object->dlpi_addr + part.p_vaddr;
          const bool is_code = part.p_type == PT_LOAD && (part.p_flags & PF_X) != 0;
          if (!is_code || of.wanted < begin || of.wanted >= begin + part.p_memsz) continue;
          of.found = {begin, begin + part.p_memsz};
          return 1;
        }
        return 0;
      },
      &search);
  return search.found;
}

void unblock() {
  sigset_t division;
  sigemptyset(&division);
  sigaddset(&division, SIGFPE);
  pthread_sigmask(SIG_UNBLOCK, &division, nullptr);
}

}  // namespace

bool wrap_division(const siginfo_t* info, void* context) {
  return info->si_code == FPE_INTDIV && wrap(static_cast<ucontext_t*>(context)->uc_mcontext.gregs);
}

void wrap_division_in(const void* inside) {
  static std::mutex mutex;  // of what is written here
  const std::lock_guard lock(mutex);
  unblock();
  if (is_ours(reinterpret_cast<std::uintptr_t>(inside))) return;
  const std::size_t count = range_count.load(std::memory_order_relaxed);
  const Range range = code_around(inside);
  if (count == ranges.size() || range.begin == range.end) return;
  ranges[count] = range;
  range_count.store(count + 1, std::memory_order_release);
  if (count > 0) return;
  sigaction(SIGFPE, nullptr, &before);
  struct sigaction action = {};
  action.sa_sigaction = handle;
  // As what was there before has it for whoever else it is for.
  action.sa_flags = SA_SIGINFO | SA_ONSTACK | (before.sa_flags & SA_RESTART);
  action.sa_mask = before.sa_mask;
  sigaction(SIGFPE, &action, nullptr);
}

}  // namespace tensorlane::ort

#else

namespace tensorlane::ort {

void wrap_division_in(const void*) {}

}  // namespace tensorlane::ort

#endif
