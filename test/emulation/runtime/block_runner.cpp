// How a block's threads take turns.
//
// A CUDA thread runs until it ends or has to wait. While none waits, one fiber runs all threads of a block one after
// the other; a fiber whose thread waits is parked, and the next one goes on with the threads that have not begun. When
// a barrier completes, its last thread goes on and the others are ready. If everybody waits, nobody ever comes: that is
// reported, the parked fibers are thrown away, and the device has failed.
//
// Under ThreadSanitizer each CUDA thread has a fiber of its own, ordered with the others by barriers, __syncwarp and
// atomics alone. This file itself is built without it (see emulation.cmake): the scheduler's own data is shared by
// all fibers on one thread, and nothing of it may order them or look like a race. Containers of the standard library
// would bring instrumented code back in, so there are none here.
//
// Blocks are ordered by ThreadSanitizer's count only once a block used a barrier or dynamic shared memory: they share
// their shared memory then, while kernels without any have their blocks checked against each other as well.
#include "runtime/block_runner.h"

#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <cstring>

#include "emulation.h"
#include "runtime/block_order.h"
#include "runtime/fiber_pool.h"
#include "runtime/fibers.h"
#include "runtime/limits.h"
#include "runtime/sanitizers.h"
#include "runtime/static_shared.h"

constinit thread_local uint3 threadIdx = {};
constinit thread_local uint3 blockIdx = {};
constinit thread_local dim3 blockDim;
constinit thread_local dim3 gridDim;

namespace emulation {

namespace {

constexpr std::size_t kWarp = 32;
constexpr std::size_t kWarps = kMaxThreads / kWarp;
constexpr int kUninitialized = 0xCD;

enum class Stage : std::uint8_t { Unstarted, Running, AtBarrier, AtWarp, Finished };

struct Thread {
  uint3 index;
  Fiber* fiber;
  Stage stage;
  // At a barrier or a warp operation:
  WarpOperation operation;
  unsigned mask;
  unsigned source;
  std::uint64_t value;
  std::uint64_t result;
};

struct Warp {
  unsigned alive;           // lanes that exist and have not ended
  unsigned arrived[kWarp];  // by the first lane of the mask
  char order[kWarp][2];     // the objects of release() and acquire(), used in turns
  std::uint8_t turn[kWarp];
};

class Runner {
 public:
  Runner() { adopt_thread(main_); }
  ~Runner() {
    for (std::size_t index = 0; index < fiber_count_; ++index) retire(*fibers_[index]);
    std::free(shared_);
  }
  Runner(const Runner&) = delete;
  Runner& operator=(const Runner&) = delete;

  cudaError_t run(const Grid& grid, const std::function<void()>& body);

  unsigned barrier(bool predicate);
  std::uint64_t exchange(WarpOperation operation, unsigned mask, std::uint64_t value, unsigned source);
  unsigned active() const { return warps_[running_ / kWarp].alive; }
  unsigned lane() const { return static_cast<unsigned>(running_ % kWarp); }
  void* shared() {
    shares_ = true;
    return shared_;
  }
  [[noreturn]] void trap();
  bool working() const { return working_; }

 private:
  static void fiber_entry();
  void run_threads(Fiber& fiber);
  void retire(Fiber& fiber);

  void start_block(unsigned x, unsigned y, unsigned z);
  bool finish_block();
  void report_deadlock();
  void abandon_block();
  void order_block_after(bool first);
  void order_after_block();

  Fiber& idle_fiber();
  Fiber& another_fiber();
  Fiber& next_fiber();
  void wait_for_turn(Fiber& from);
  void start_thread(std::size_t index, Fiber& fiber);
  void end_thread(std::size_t index);
  void complete_barrier();
  void try_warp(std::size_t warp, unsigned mask, WarpOperation operation);
  void make_ready(std::size_t index) { ready_[(ready_first_ + ready_count_++) % kMaxThreads] = index; }

  Fiber main_;
  Fiber* fibers_[kMaxThreads] = {};
  std::size_t fiber_count_ = 0;
  Fiber* idle_[kMaxThreads] = {};
  std::size_t idle_count_ = 0;
  bool stopping_ = false;

  const std::function<void()>* body_ = nullptr;
  dim3 block_dim_;
  bool working_ = false;
  std::size_t size_ = 0;  // threads of a block
  char* shared_ = nullptr;
  std::size_t shared_bytes_ = 0;
  cudaError_t error_ = cudaSuccess;

  Thread threads_[kMaxThreads];
  Warp warps_[kWarps]{};
  std::size_t running_ = 0;
  std::size_t started_ = 0;
  std::size_t finished_ = 0;
  std::size_t ready_[kMaxThreads];
  std::size_t ready_first_ = 0;
  std::size_t ready_count_ = 0;
  bool shares_ = false;

  std::size_t waiting_ = 0;  // at the barrier
  unsigned votes_ = 0;
  unsigned barrier_result_ = 0;
  char barrier_order_[2] = {};
  unsigned barrier_turn_ = 0;
};

thread_local Runner* runner = nullptr;

// Fibers

void Runner::fiber_entry() {
  Runner& self = *runner;
  Fiber& fiber = *self.threads_[self.running_].fiber;
  entered_fiber(fiber);
  for (;;) {
    if (self.stopping_) switch_fiber(fiber, self.main_, true);
    self.run_threads(fiber);
  }
}

// Runs the thread that was given to the fiber, and further ones for as long as nobody waits.
void Runner::run_threads(Fiber& fiber) {
  for (;;) {
    (*body_)();
    end_thread(running_);
    if (!kThreadSanitizer && ready_count_ == 0 && started_ < size_) {
      start_thread(started_, fiber);
      continue;
    }
    break;
  }
  if (!kThreadSanitizer) idle_[idle_count_++] = &fiber;
  wait_for_turn(fiber);
}

// Keeps the fiber for a later stream; or lets it leave its stack for good, which frees what AddressSanitizer holds for it.
void Runner::retire(Fiber& fiber) {
  if (rest_fiber(fiber)) return;
  stopping_ = true;
  threads_[0].fiber = &fiber;
  running_ = 0;
  if (!kThreadSanitizer) switch_fiber(main_, fiber);
  destroy_fiber(fiber);
  delete &fiber;
}

Fiber& Runner::idle_fiber() {
  if (kThreadSanitizer) return *fibers_[started_];
  return idle_count_ == 0 ? another_fiber() : *idle_[--idle_count_];
}

Fiber& Runner::another_fiber() {
  Fiber* fiber = rested_fiber();
  if (fiber != nullptr) {
    reuse_fiber(*fiber, fiber_entry);
  } else {
    fiber = new Fiber;
    create_fiber(*fiber, fiber_entry);
  }
  fibers_[fiber_count_++] = fiber;
  return *fiber;
}

// Chooses who runs next and makes it the running thread.
Fiber& Runner::next_fiber() {
  if (error_ == cudaSuccess && ready_count_ > 0) {
    running_ = ready_[ready_first_];
    ready_first_ = (ready_first_ + 1) % kMaxThreads;
    --ready_count_;
    threadIdx = threads_[running_].index;
    return *threads_[running_].fiber;
  }
  if (error_ == cudaSuccess && started_ < size_) {
    Fiber& fiber = idle_fiber();
    start_thread(started_, fiber);
    return fiber;
  }
  return main_;
}

void Runner::wait_for_turn(Fiber& from) {
  Fiber& to = next_fiber();
  if (&to != &from) switch_fiber(from, to);
}

void Runner::start_thread(std::size_t index, Fiber& fiber) {
  Thread& thread = threads_[index];
  const unsigned number = static_cast<unsigned>(index);
  thread.index = {number % block_dim_.x, number / block_dim_.x % block_dim_.y, number / block_dim_.x / block_dim_.y};
  thread.fiber = &fiber;
  thread.stage = Stage::Running;
  running_ = index;
  started_ = index + 1;
  threadIdx = thread.index;
}

// Threads that have ended count as arrived wherever others wait for them.
void Runner::end_thread(std::size_t index) {
  threads_[index].stage = Stage::Finished;
  ++finished_;
  Warp& warp = warps_[index / kWarp];
  warp.alive &= ~(1U << (index % kWarp));
  if (waiting_ > 0 && waiting_ == size_ - finished_) complete_barrier();
  for (unsigned first = 0; first < kWarp; ++first) {
    if (warp.arrived[first] == 0) continue;
    const Thread& waiting = threads_[index / kWarp * kWarp + first];
    if (waiting.stage == Stage::AtWarp) try_warp(index / kWarp, waiting.mask, waiting.operation);
  }
}

// Barriers

unsigned Runner::barrier(bool predicate) {
  const std::size_t self = running_;
  shares_ = true;
  char* order = &barrier_order_[barrier_turn_];
  release(order);
  threads_[self].stage = Stage::AtBarrier;
  ++waiting_;
  votes_ += predicate ? 1 : 0;
  // The last one completes the barrier and then waits for its turn like the others.
  if (waiting_ == size_ - finished_) complete_barrier();
  wait_for_turn(*threads_[self].fiber);
  acquire(order);
  return barrier_result_;
}

void Runner::complete_barrier() {
  barrier_result_ = votes_;
  votes_ = 0;
  waiting_ = 0;
  barrier_turn_ ^= 1U;
  for (std::size_t index = 0; index < size_; ++index) {
    if (threads_[index].stage != Stage::AtBarrier) continue;
    threads_[index].stage = Stage::Running;
    make_ready(index);
  }
}

// Warps

std::uint64_t Runner::exchange(WarpOperation operation, unsigned mask, std::uint64_t value, unsigned source) {
  const std::size_t self = running_;
  Thread& thread = threads_[self];
  Warp& warp = warps_[self / kWarp];
  if ((mask & (1U << (self % kWarp))) == 0) {
    std::fprintf(stderr, "emulation: lane %zu takes part in a warp operation whose mask 0x%08x leaves it out\n",
                 self % kWarp, mask);
    trap();
  }
  const auto first = static_cast<unsigned>(__builtin_ctz(mask));
  // Shuffles and votes order no memory (CUDA C++ Programming Guide, "Warp Shuffle Functions" and "Warp Vote Functions").
  const bool orders = operation == WarpOperation::Sync;
  if (orders) shares_ = true;
  char* order = &warp.order[first][warp.turn[first]];
  if (orders) release(order);
  thread.stage = Stage::AtWarp;
  thread.operation = operation;
  thread.mask = mask;
  thread.value = value;
  thread.source = source;
  ++warp.arrived[first];
  try_warp(self / kWarp, mask, operation);
  wait_for_turn(*thread.fiber);
  if (orders) acquire(order);
  return thread.result;
}

// Lets a group go on if all of its lanes that are left wait in the same operation.
void Runner::try_warp(std::size_t warp_index, unsigned mask, WarpOperation operation) {
  Warp& warp = warps_[warp_index];
  const auto first = static_cast<unsigned>(__builtin_ctz(mask));
  const unsigned expected = mask & warp.alive;
  if (warp.arrived[first] < static_cast<unsigned>(__builtin_popcount(expected))) return;
  Thread* lanes = &threads_[warp_index * kWarp];
  unsigned ballot = 0;
  for (unsigned lane = 0; lane < kWarp; ++lane) {
    if ((expected & (1U << lane)) == 0) continue;
    const Thread& thread = lanes[lane];
    if (thread.stage != Stage::AtWarp || thread.mask != mask || thread.operation != operation) return;
    if (thread.value != 0) ballot |= 1U << lane;
  }
  for (unsigned lane = 0; lane < kWarp; ++lane) {
    if ((expected & (1U << lane)) == 0) continue;
    Thread& thread = lanes[lane];
    // What a lane outside of the operation would have given is undefined.
    if (operation == WarpOperation::Ballot)
      thread.result = ballot;
    else
      thread.result = (expected & (1U << thread.source)) != 0 ? lanes[thread.source].value : 0xCDCDCDCDCDCDCDCDU;
    thread.stage = Stage::Running;
    make_ready(warp_index * kWarp + lane);
  }
  warp.arrived[first] = 0;
  warp.turn[first] ^= 1U;
}

void Runner::trap() {
  error_ = cudaErrorLaunchFailure;
  Fiber& fiber = *threads_[running_].fiber;
  switch_fiber(fiber, main_);
  std::abort();  // the fiber was thrown away
}

// Blocks

void Runner::start_block(unsigned x, unsigned y, unsigned z) {
  blockIdx = {x, y, z};
  started_ = finished_ = ready_first_ = ready_count_ = waiting_ = 0;
  votes_ = 0;
  for (std::size_t index = 0; index < size_; ++index) threads_[index].stage = Stage::Unstarted;
  for (std::size_t warp = 0; warp * kWarp < size_; ++warp) {
    const std::size_t lanes = size_ - warp * kWarp;
    warps_[warp].alive = lanes >= kWarp ? 0xffffffffU : (1U << lanes) - 1;
    std::memset(warps_[warp].arrived, 0, sizeof(warps_[warp].arrived));
  }
  // Under ThreadSanitizer these would be writes of its own.
  if (kThreadSanitizer) return;
  if (shared_bytes_ > 0) std::memset(shared_, kUninitialized, shared_bytes_);
  spoil_static_shared();
}

bool Runner::finish_block() {
  if (error_ == cudaSuccess && finished_ < size_) {
    report_deadlock();
    error_ = cudaErrorLaunchTimeout;
  }
  if (error_ != cudaSuccess) abandon_block();
  return error_ == cudaSuccess;
}

void Runner::report_deadlock() {
  std::size_t at_warp = 0;
  for (std::size_t index = 0; index < size_; ++index) at_warp += threads_[index].stage == Stage::AtWarp ? 1 : 0;
  std::fprintf(stderr,
               "emulation: a kernel waits forever in block (%u, %u, %u): of %zu threads %zu have ended, %zu wait at a "
               "barrier and %zu in a warp operation\n",
               blockIdx.x, blockIdx.y, blockIdx.z, size_, finished_, waiting_, at_warp);
}

void Runner::abandon_block() {
  order_after_block();
  idle_count_ = 0;
  for (std::size_t index = 0; index < fiber_count_; ++index) {
    restart_fiber(*fibers_[index], fiber_entry);
    if (!kThreadSanitizer) idle_[idle_count_++] = fibers_[index];
  }
}

void Runner::order_block_after(bool first) {
  if (!kThreadSanitizer || (!first && !shares_)) return;
  release_to(main_, fibers_, size_);
}

void Runner::order_after_block() {
  if (kThreadSanitizer) acquire_from(main_, fibers_, size_);
}

cudaError_t Runner::run(const Grid& grid, const std::function<void()>& body) {
  body_ = &body;
  gridDim = grid.grid;
  blockDim = grid.block;
  block_dim_ = grid.block;
  size_ = static_cast<std::size_t>(grid.block.x) * grid.block.y * grid.block.z;
  error_ = cudaSuccess;
  shares_ = false;
  shared_bytes_ = grid.shared;
  std::free(shared_);
  shared_ = nullptr;
  if (grid.shared > 0) {
    // As large as was asked for and no larger, so that AddressSanitizer knows its end.
    void* memory = nullptr;
    if (posix_memalign(&memory, 1024, grid.shared) != 0) std::abort();
    shared_ = static_cast<char*>(memory);
    std::memset(shared_, kUninitialized, grid.shared);
  }
  while (kThreadSanitizer && fiber_count_ < size_) another_fiber();
  if (!kThreadSanitizer) find_static_shared();
  const std::uint64_t blocks = std::uint64_t{grid.grid.x} * grid.grid.y * grid.grid.z;
  BlockOrder order(blocks, config().delay_seed);
  for (std::uint64_t nth = 0; nth < blocks; ++nth) {
    const std::uint64_t block = order.next();
    const std::uint64_t row = block / grid.grid.x;
    start_block(static_cast<unsigned>(block % grid.grid.x), static_cast<unsigned>(row % grid.grid.y),
                static_cast<unsigned>(row / grid.grid.y));
    order_block_after(nth == 0);
    working_ = true;
    switch_fiber(main_, next_fiber());
    working_ = false;
    if (!finish_block()) return error_;
    if (shares_) order_after_block();
  }
  if (!shares_) order_after_block();
  return cudaSuccess;
}

}  // namespace

cudaError_t run_grid(const Grid& grid, const std::function<void()>& body) {
  if (runner == nullptr) runner = new Runner;
  return runner->run(grid, body);
}

void release_block_runner() {
  delete runner;
  runner = nullptr;
}

bool in_kernel() { return runner != nullptr && runner->working(); }

unsigned block_barrier(bool predicate) { return runner->barrier(predicate); }

std::uint64_t warp_exchange(WarpOperation operation, unsigned mask, std::uint64_t value, unsigned source_lane) {
  return runner->exchange(operation, mask, value, source_lane);
}

unsigned warp_ballot(unsigned mask, bool predicate) {
  return static_cast<unsigned>(runner->exchange(WarpOperation::Ballot, mask, predicate ? 1 : 0, 0));
}

unsigned active_lanes() { return runner->active(); }
unsigned lane_index() { return runner->lane(); }
void* dynamic_shared_memory() { return runner->shared(); }
void trap() { runner->trap(); }

}  // namespace emulation
