#include "runtime/fibers.h"

#include <pthread.h>
#include <sys/mman.h>

#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <cstring>

#include "runtime/sanitizers.h"

// swapcontext() calls the kernel for the signal mask each time, so x86-64 has a switch of its own: it keeps the
// registers that a function must preserve, and continues where the other stack left off.
#if defined(__x86_64__)
extern "C" void emulation_switch_stack(void** save, void* load);
asm(R"(
.text
.globl emulation_switch_stack
.hidden emulation_switch_stack
.type emulation_switch_stack, @function
.p2align 4
emulation_switch_stack:
  pushq %rbp
  pushq %rbx
  pushq %r12
  pushq %r13
  pushq %r14
  pushq %r15
  movq %rsp, (%rdi)
  movq %rsi, %rsp
  popq %r15
  popq %r14
  popq %r13
  popq %r12
  popq %rbx
  popq %rbp
  ret
.size emulation_switch_stack, .-emulation_switch_stack
)");
#endif

namespace emulation {

namespace {

constexpr std::size_t kStackBytes = std::size_t{256} << 10;
constexpr std::size_t kGuardBytes = 4096;

void prepare(Fiber& fiber, FiberEntry entry) {
#if defined(__x86_64__)
  // As the switch leaves a stack: six registers, then where to return to, and above it nothing to return to.
  constexpr std::size_t kRegisters = 6;
  auto* top = reinterpret_cast<void**>(static_cast<char*>(fiber.stack) + fiber.stack_bytes);
  top[-1] = nullptr;
  std::memcpy(&top[-2], &entry, sizeof(entry));
  for (std::size_t index = 0; index < kRegisters; ++index) top[-3 - static_cast<std::ptrdiff_t>(index)] = nullptr;
  fiber.stack_pointer = top - 2 - kRegisters;
#else
  getcontext(&fiber.context);
  fiber.context.uc_stack.ss_sp = fiber.stack;
  fiber.context.uc_stack.ss_size = fiber.stack_bytes;
  fiber.context.uc_link = nullptr;
  makecontext(&fiber.context, entry, 0);
#endif
}

}  // namespace

void adopt_thread(Fiber& fiber) {
#if defined(__linux__)
  pthread_attr_t attributes;
  void* address = nullptr;
  pthread_getattr_np(pthread_self(), &attributes);
  pthread_attr_getstack(&attributes, &address, &fiber.stack_bytes);
  pthread_attr_destroy(&attributes);
  fiber.bottom = address;
#else
  fiber.stack_bytes = pthread_get_stacksize_np(pthread_self());
  fiber.bottom = static_cast<char*>(pthread_get_stackaddr_np(pthread_self())) - fiber.stack_bytes;
#endif
#ifdef EMULATION_TSAN
  fiber.sanitizer_fiber = __tsan_get_current_fiber();
#endif
}

void create_fiber(Fiber& fiber, FiberEntry entry) {
  void* memory = mmap(nullptr, kStackBytes + kGuardBytes, PROT_READ | PROT_WRITE,
                      MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
  if (memory == MAP_FAILED) {
    std::fputs("emulation: no memory for the stack of a CUDA thread\n", stderr);
    std::abort();
  }
  mprotect(memory, kGuardBytes, PROT_NONE);
  fiber.stack = static_cast<char*>(memory) + kGuardBytes;
  fiber.stack_bytes = kStackBytes;
  fiber.bottom = fiber.stack;
#ifdef EMULATION_TSAN
  fiber.sanitizer_fiber = __tsan_create_fiber(0);
#endif
  prepare(fiber, entry);
}

void restart_fiber(Fiber& fiber, FiberEntry entry) {
  unpoison(fiber.stack, fiber.stack_bytes);
#ifdef EMULATION_TSAN
  __tsan_destroy_fiber(fiber.sanitizer_fiber);
  fiber.sanitizer_fiber = __tsan_create_fiber(0);
#endif
  fiber.fake_stack = nullptr;
  prepare(fiber, entry);
}

void reuse_fiber(Fiber& fiber, FiberEntry entry) {
#if defined(__x86_64__)
  // Where its scheduler waited; whatever ran below has returned.
  const auto* const top = static_cast<char*>(fiber.stack) + fiber.stack_bytes;
  unpoison(fiber.stack_pointer, static_cast<std::size_t>(top - static_cast<char*>(fiber.stack_pointer)));
#else
  unpoison(fiber.stack, fiber.stack_bytes);
#endif
  prepare(fiber, entry);
}

void destroy_fiber(Fiber& fiber) {
  unpoison(fiber.stack, fiber.stack_bytes);
#ifdef EMULATION_TSAN
  __tsan_destroy_fiber(fiber.sanitizer_fiber);
#endif
  munmap(static_cast<char*>(fiber.stack) - kGuardBytes, kStackBytes + kGuardBytes);
}

void switch_fiber(Fiber& from, Fiber& to, [[maybe_unused]] bool last) {
#ifdef EMULATION_ASAN
  __sanitizer_start_switch_fiber(last ? nullptr : &from.fake_stack, to.bottom, to.stack_bytes);
#endif
#ifdef EMULATION_TSAN
  __tsan_switch_to_fiber(to.sanitizer_fiber, __tsan_switch_to_fiber_no_sync);
#endif
#if defined(__x86_64__)
  emulation_switch_stack(&from.stack_pointer, to.stack_pointer);
#else
  swapcontext(&from.context, &to.context);
#endif
#ifdef EMULATION_ASAN
  __sanitizer_finish_switch_fiber(from.fake_stack, nullptr, nullptr);
#endif
}

void entered_fiber([[maybe_unused]] Fiber& self) {
#ifdef EMULATION_ASAN
  __sanitizer_finish_switch_fiber(self.fake_stack, nullptr, nullptr);
#endif
}

// ThreadSanitizer's idea of who runs needs no stack, so one fiber can speak for another. Each order costs as much as
// there are fibers in the process, so the caller takes and gives once for all.
void acquire_from([[maybe_unused]] Fiber& self, [[maybe_unused]] Fiber* const* others,
                  [[maybe_unused]] std::size_t count) {
#ifdef EMULATION_TSAN
  for (std::size_t index = 0; index < count; ++index) {
    __tsan_switch_to_fiber(others[index]->sanitizer_fiber, __tsan_switch_to_fiber_no_sync);
    __tsan_release(&self.order[0]);
  }
  __tsan_switch_to_fiber(self.sanitizer_fiber, __tsan_switch_to_fiber_no_sync);
  __tsan_acquire(&self.order[0]);
#endif
}

void release_to([[maybe_unused]] Fiber& self, [[maybe_unused]] Fiber* const* others,
                [[maybe_unused]] std::size_t count) {
#ifdef EMULATION_TSAN
  __tsan_release(&self.order[1]);
  for (std::size_t index = 0; index < count; ++index) {
    __tsan_switch_to_fiber(others[index]->sanitizer_fiber, __tsan_switch_to_fiber_no_sync);
    __tsan_acquire(&self.order[1]);
  }
  __tsan_switch_to_fiber(self.sanitizer_fiber, __tsan_switch_to_fiber_no_sync);
#endif
}

}  // namespace emulation
