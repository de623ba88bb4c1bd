// Fibers: stacks that one thread of the system switches between. A fiber runs one CUDA thread at a time.
#pragma once

#include <cstddef>

#if !defined(__x86_64__)
#include <ucontext.h>
#endif

namespace emulation {

struct Fiber {
  void* stack = nullptr;  // null: the stack of the thread itself
  std::size_t stack_bytes = 0;
#if defined(__x86_64__)
  void* stack_pointer = nullptr;
#else
  ucontext_t context;
#endif
  const void* bottom = nullptr;     // of the stack, for AddressSanitizer
  void* fake_stack = nullptr;       // AddressSanitizer's
  void* sanitizer_fiber = nullptr;  // ThreadSanitizer's
  std::size_t thread = 0;           // what the scheduler gave it to run
  char order[2] = {};               // the objects of acquire_from() and release_to()
};

using FiberEntry = void (*)();

// Makes a Fiber of the stack that runs.
void adopt_thread(Fiber& fiber);
void create_fiber(Fiber& fiber, FiberEntry entry);
// Forgets where the fiber was; it will start at its entry again. For a fiber that is not running.
void restart_fiber(Fiber& fiber, FiberEntry entry);
// The same for one that has nothing left to do, on whichever thread: what the sanitizers keep for it is kept.
void reuse_fiber(Fiber& fiber, FiberEntry entry);
void destroy_fiber(Fiber& fiber);
// Does not order what the two fibers do. With `last`, the fiber that is left will not go on from here.
void switch_fiber(Fiber& from, Fiber& to, bool last = false);
// The first thing that a fiber does.
void entered_fiber(Fiber& self);
// Orders what the fibers did before what the caller does from now on, and the other way round.
void acquire_from(Fiber& self, Fiber* const* others, std::size_t count);
void release_to(Fiber& self, Fiber* const* others, std::size_t count);

}  // namespace emulation
