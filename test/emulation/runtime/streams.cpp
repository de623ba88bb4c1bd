#include "runtime/streams.h"

#include <algorithm>
#include <chrono>
#include <random>
#include <thread>
#include <utility>
#include <vector>

#include "runtime/address_space.h"
#include "runtime/block_runner.h"
#include "runtime/pools.h"

namespace emulation {

namespace {

constexpr int kLeastPriority = 0;
constexpr int kGreatestPriority = -5;
constexpr int kLongestDelay = 200;  // microseconds

class Delays {
 public:
  explicit Delays(std::uint64_t stream) : stream_(stream) {}

  void delay() {
    hide_begin();
    const std::uint64_t seed = config().delay_seed;
    hide_end();
    if (seed == 0) return;
    if (seed != seed_) {
      seed_ = seed;
      random_.seed(seed * 0x9E3779B97F4A7C15U + stream_);
    }
    // Half of the operations are not delayed at all.
    const int microseconds = static_cast<int>(random_() % (2 * kLongestDelay)) - kLongestDelay;
    if (microseconds > 0) std::this_thread::sleep_for(std::chrono::microseconds(microseconds));
  }

 private:
  std::uint64_t stream_;
  std::uint64_t seed_ = 0;
  std::mt19937_64 random_;
};

void execute(CUstream_st& stream, Op& op) {
  cudaError_t sticky = cudaSuccess;
  {
    Quiet quiet;
    sticky = stream.device->sticky;
    if (op.wait != nullptr && (sticky == cudaSuccess || op.always))
      quiet.wait(state().changed, [&] { return op.wait->done || state().unloading; });
    sticky = stream.device->sticky;
    if (op.at_execution != cudaSuccess) fail(*stream.device, op.at_execution);
  }
  if (op.wait != nullptr) acquire(&op.wait->order);
  if (op.work && op.at_execution == cudaSuccess && (sticky == cudaSuccess || op.always)) op.work();
}

void run_stream(const StreamPointer& stream) {
  Delays delays(stream->number);
  for (;;) {
    std::unique_ptr<Op> op;
    {
      Quiet quiet;
      quiet.wait(stream->filled, [&] { return !stream->queue.empty() || stream->closing || state().unloading; });
      if (state().unloading || stream->queue.empty()) return;
      op = std::move(stream->queue.front());
      stream->queue.pop_front();
    }
    acquire(op.get());
    delays.delay();
    execute(*stream, *op);
    // What the work holds is given back before anyone learns that it is done.
    op->work = nullptr;
    if (op->record != nullptr) release(&op->record->order);
    release(&stream->order);
    {
      const Quiet quiet;
      if (op->record != nullptr) {
        op->record->done = true;
        op->record->at = std::chrono::steady_clock::now();
      }
      ++stream->completed;
      op.reset();
      state().changed.notify_all();
    }
  }
}

// Streams that were destroyed and have done all their work: whoever waits for a device waits for that as well.
char order_of_the_ended = 0;

void stream_thread(StreamPointer stream) {
  run_stream(stream);
  release_block_runner();
  release(&order_of_the_ended);
  const Quiet quiet;
  state().all_streams.erase(stream);
  stream.reset();
  state().changed.notify_all();
}

cudaError_t create_stream(Device& device, cudaStream_t* handle, unsigned int flags, int priority) {
  if (handle == nullptr || flags > cudaStreamNonBlocking) return cudaErrorInvalidValue;
  auto stream = std::make_shared<CUstream_st>();
  stream->device = &device;
  stream->flags = flags;
  stream->priority = std::clamp(priority, kGreatestPriority, kLeastPriority);
  *handle = stream.get();
  {
    const Quiet quiet;
    stream->number = ++state().stream_count;
    state().streams.emplace(stream.get(), stream);
    state().all_streams.insert(stream);
  }
  std::thread(stream_thread, std::move(stream)).detach();
  return cudaSuccess;
}

bool idle(const CUstream_st& stream) { return stream.completed == stream.submitted; }

// Waits for what was submitted to some of the streams until now.
template <typename Choose>
void wait_for_streams(Choose choose) {
  std::vector<std::pair<StreamPointer, std::uint64_t>> waited;
  {
    const Quiet quiet;
    for (const StreamPointer& stream : state().all_streams)
      if (choose(*stream)) waited.emplace_back(stream, stream->submitted);
  }
  for (const auto& [stream, position] : waited) wait_for_stream(*stream, position);
  acquire(&order_of_the_ended);
  const Quiet quiet;
  waited.clear();
}

}  // namespace

HeldStream::HeldStream(cudaStream_t handle) {
  const Quiet quiet;
  const auto found = state().streams.find(handle);
  if (found != state().streams.end()) stream_ = found->second;
}

HeldStream::~HeldStream() {
  const Quiet quiet;
  stream_.reset();
}

std::uint64_t submit(CUstream_st& stream, std::unique_ptr<Op> op) {
  prepare(*op);
  const Quiet quiet;
  return append(stream, std::move(op));
}

void prepare(Op& op) {
  op.at_execution = take_fault_at_execution();
  release(&op);
}

std::uint64_t append(CUstream_st& stream, std::unique_ptr<Op> op) {
  if (stream.capture != nullptr) {
    if (op->wait != nullptr || op->record != nullptr) stream.capture->valid = false;
    if (op->at_execution != cudaSuccess) {
      op->work = [device = stream.device, error = op->at_execution] {
        const Quiet quiet;
        fail(*device, error);
      };
    }
    stream.capture->work.push_back(std::move(op->work));
    return stream.completed;
  }
  stream.queue.push_back(std::move(op));
  stream.filled.notify_one();
  return ++stream.submitted;
}

void wait_for_stream(CUstream_st& stream, std::uint64_t position) {
  {
    Quiet quiet;
    quiet.wait(state().changed, [&] { return stream.completed >= position || state().unloading; });
    trim_pools(*stream.device);
  }
  acquire(&stream.order);
}

void wait_for_device(const Device& device, bool blocking_streams_only) {
  wait_for_streams([&](const CUstream_st& stream) {
    return stream.device == &device && (!blocking_streams_only || stream.flags == cudaStreamDefault);
  });
}

void wait_for_all_streams() {
  wait_for_streams([](const CUstream_st&) { return true; });
}

void stop_streams() {
  Quiet quiet;
  State& all = state();
  all.unloading = true;
  for (const StreamPointer& stream : all.all_streams) stream->filled.notify_all();
  all.changed.notify_all();
  // A piece of work that does not end must not keep the process.
  quiet.wait_for(all.changed, std::chrono::milliseconds(2000), [&] { return all.all_streams.empty(); });
}

cudaError_t sticky_error(const Device& device) {
  const Quiet quiet;
  return device.sticky;
}

cudaError_t enqueue(cudaStream_t handle, std::function<void()> work) {
  const HeldStream stream(handle);
  if (!stream) return cudaErrorInvalidResourceHandle;
  auto op = std::make_unique<Op>();
  op->work = std::move(work);
  submit(*stream, std::move(op));
  return cudaSuccess;
}

}  // namespace emulation

extern "C" {

cudaError_t cudaDeviceGetStreamPriorityRange(int* leastPriority, int* greatestPriority) {
  return emulation::device_call("cudaDeviceGetStreamPriorityRange", [&](emulation::Device&) {
    if (leastPriority != nullptr) *leastPriority = emulation::kLeastPriority;
    if (greatestPriority != nullptr) *greatestPriority = emulation::kGreatestPriority;
    return cudaSuccess;
  });
}

cudaError_t cudaStreamCreate(cudaStream_t* pStream) {
  return emulation::device_call("cudaStreamCreate", [&](emulation::Device& device) {
    return emulation::create_stream(device, pStream, cudaStreamDefault, 0);
  });
}

cudaError_t cudaStreamCreateWithFlags(cudaStream_t* pStream, unsigned int flags) {
  return emulation::device_call("cudaStreamCreateWithFlags", [&](emulation::Device& device) {
    return emulation::create_stream(device, pStream, flags, 0);
  });
}

cudaError_t cudaStreamCreateWithPriority(cudaStream_t* pStream, unsigned int flags, int priority) {
  return emulation::device_call("cudaStreamCreateWithPriority", [&](emulation::Device& device) {
    return emulation::create_stream(device, pStream, flags, priority);
  });
}

cudaError_t cudaStreamGetPriority(cudaStream_t hStream, int* priority) {
  return emulation::stream_call("cudaStreamGetPriority", hStream, [&](CUstream_st& stream) {
    if (priority == nullptr) return cudaErrorInvalidValue;
    *priority = stream.priority;
    return cudaSuccess;
  });
}

cudaError_t cudaStreamGetFlags(cudaStream_t hStream, unsigned int* flags) {
  return emulation::stream_call("cudaStreamGetFlags", hStream, [&](CUstream_st& stream) {
    if (flags == nullptr) return cudaErrorInvalidValue;
    *flags = stream.flags;
    return cudaSuccess;
  });
}

cudaError_t cudaStreamGetDevice(cudaStream_t hStream, int* device) {
  return emulation::stream_call("cudaStreamGetDevice", hStream, [&](CUstream_st& stream) {
    if (device == nullptr) return cudaErrorInvalidValue;
    *device = stream.device->ordinal;
    return cudaSuccess;
  });
}

cudaError_t cudaStreamDestroy(cudaStream_t handle) {
  return emulation::releasing_call("cudaStreamDestroy", [&](emulation::Device&) {
    std::unique_ptr<emulation::Capture> capture;
    {
      const emulation::Quiet quiet;
      const auto found = emulation::state().streams.find(handle);
      if (found == emulation::state().streams.end()) return cudaErrorInvalidResourceHandle;
      capture = std::move(found->second->capture);
      found->second->closing = true;
      found->second->filled.notify_all();
      emulation::state().streams.erase(found);
    }
    emulation::drop(std::move(capture));
    return cudaSuccess;
  });
}

cudaError_t cudaStreamSynchronize(cudaStream_t handle) {
  return emulation::stream_call("cudaStreamSynchronize", handle, [&](CUstream_st& stream) {
    std::uint64_t position = 0;
    {
      const emulation::Quiet quiet;
      if (stream.capture != nullptr) {
        stream.capture->valid = false;
        return cudaErrorStreamCaptureUnsupported;
      }
      position = stream.submitted;
    }
    emulation::wait_for_stream(stream, position);
    return emulation::sticky_error(*stream.device);
  });
}

cudaError_t cudaStreamQuery(cudaStream_t handle) {
  return emulation::stream_call("cudaStreamQuery", handle, [&](CUstream_st& stream) {
    {
      const emulation::Quiet quiet;
      if (!emulation::idle(stream)) return cudaErrorNotReady;
    }
    emulation::acquire(&stream.order);
    return emulation::sticky_error(*stream.device);
  });
}

cudaError_t cudaLaunchHostFunc(cudaStream_t handle, cudaHostFn_t fn, void* userData) {
  return emulation::stream_call("cudaLaunchHostFunc", handle, [&](CUstream_st& stream) {
    if (fn == nullptr) return cudaErrorInvalidValue;
    auto op = std::make_unique<emulation::Op>();
    op->work = [fn, userData] { fn(userData); };
    emulation::submit(stream, std::move(op));
    return cudaSuccess;
  });
}

cudaError_t cudaDeviceSynchronize(void) {
  return emulation::device_call("cudaDeviceSynchronize", [](emulation::Device& device) {
    if (emulation::spoils_capture(device)) return cudaErrorStreamCaptureUnsupported;
    emulation::wait_for_device(device);
    return emulation::sticky_error(device);
  });
}
}
