// All that the runtime knows, behind one lock.
//
// The lock is hidden from ThreadSanitizer, and so is what is read and written under it: were it visible, every stream
// would be ordered after every other by their visits here, and no race between streams would ever be reported. What
// CUDA does order is told with release() and acquire(): a piece of work after its enqueueing, a wait after its event, a
// host that waited after the stream. So objects that several threads share are touched under the lock only, including
// the counts of shared pointers.
#pragma once

#include <chrono>
#include <condition_variable>
#include <cstddef>
#include <cstdint>
#include <deque>
#include <functional>
#include <list>
#include <map>
#include <memory>
#include <mutex>
#include <set>
#include <string>
#include <unordered_map>
#include <vector>

#include "emulation.h"
#include "runtime/sanitizers.h"

namespace emulation {

struct Device;

// A point in a stream's queue: one call of cudaEventRecord, or one execution of a free.
struct Record {
  bool done = false;
  std::chrono::steady_clock::time_point at;
  char order = 0;  // the object of release() and acquire()
};

struct Op {
  std::function<void()> work;
  std::shared_ptr<Record> wait;            // before the work
  std::shared_ptr<Record> record;          // after it
  cudaError_t at_execution = cudaSuccess;  // the device fails instead of doing the work
  bool always = false;                     // done even on a device that has failed
};

// One piece of device memory. A pool's block may pass from an allocation that is being freed on to the next one.
struct Block {
  std::uintptr_t address = 0;  // as the host sees it
  std::size_t capacity = 0;    // the size of the allocation that it was made for
  std::size_t region = 0;      // with what lies between it and the next block
};

struct Allocation {
  Block block;
  std::size_t bytes = 0;
  Device* device = nullptr;
  std::shared_ptr<CUmemPoolHandle_st> pool;  // null for cudaMalloc
};

// Memory that was freed on a stream that has not come to it yet.
struct PendingFree {
  Allocation allocation;
  const CUstream_st* stream = nullptr;
  std::shared_ptr<Record> executed;
  bool taken = false;  // by a later allocation
};

struct Device {
  int ordinal = 0;
  std::uintptr_t base = 0;  // of the addresses that the host sees
  std::size_t span = 0;
  std::size_t readable = 0;  // so much of the alias is mapped
  std::map<std::uintptr_t, std::size_t> free_regions;
  std::uintptr_t next_region = 0;  // where the search for a free region starts
  std::size_t direct_bytes = 0;    // of cudaMalloc
  cudaError_t sticky = cudaSuccess;
  bool has_context = false;
  std::set<CUmemPoolHandle_st*> pools;
  std::shared_ptr<CUmemPoolHandle_st> default_pool;
  std::shared_ptr<CUmemPoolHandle_st> current_pool;
};

struct State {
  std::mutex mutex;
  std::condition_variable changed;  // some stream made progress
  bool unloading = false;

  std::unique_ptr<Device> devices[kMaxDevices];
  std::map<std::uintptr_t, Allocation> allocations;  // by the address that the host sees
  std::list<std::shared_ptr<PendingFree>> pending_frees;
  std::map<std::uintptr_t, std::size_t> pinned;
  std::unordered_map<cudaStream_t, std::shared_ptr<CUstream_st>> streams;
  std::set<std::shared_ptr<CUstream_st>> all_streams;  // with those that were destroyed and still work
  std::uint64_t stream_count = 0;
  std::unordered_map<cudaEvent_t, std::unique_ptr<CUevent_st>> events;
  std::unordered_map<cudaMemPool_t, std::shared_ptr<CUmemPoolHandle_st>> pools;
  std::unordered_map<cudaGraph_t, std::unique_ptr<CUgraph_st>> graphs;
  std::unordered_map<cudaGraphExec_t, std::unique_ptr<CUgraphExec_st>> graph_execs;
  std::map<const void*, std::size_t> max_dynamic_shared;  // of kernels that asked for more than the usual

  struct Plan {
    std::string call;
    std::uint64_t countdown;
    cudaError_t error;
    Effect effect;
  };
  std::vector<Plan> plans;
  std::map<std::string, std::uint64_t, std::less<>> calls;
  std::uint64_t all_calls = 0;
};

// Never destroyed: streams may still use it while the process ends.
State& state();

// Holds the lock, and hides what its holder does from ThreadSanitizer.
class Quiet {
 public:
  Quiet() : lock_(hidden_mutex()) {}
  ~Quiet() {
    lock_.unlock();
    hide_end();
  }
  Quiet(const Quiet&) = delete;
  Quiet& operator=(const Quiet&) = delete;

  template <typename Condition>
  void wait(std::condition_variable& changed, Condition condition) {
    changed.wait(lock_, condition);
  }

  template <typename Condition>
  bool wait_for(std::condition_variable& changed, std::chrono::milliseconds longest, Condition condition) {
    return changed.wait_until(lock_, std::chrono::system_clock::now() + longest, condition);
  }

 private:
  static std::mutex& hidden_mutex() {
    std::mutex& mutex = state().mutex;
    hide_begin();
    return mutex;
  }
  std::unique_lock<std::mutex> lock_;
};

// Under the lock; made at its first use. Null for an ordinal that no device has.
Device* find_device(int ordinal);

}  // namespace emulation
