#include "provider/streams.h"

#include "provider/memory.h"

namespace emulated_provider {
namespace {

struct Notification final : NotificationTable {
  Notification(int of, cudaStream_t on) : NotificationTable{}, device(of), stream(on) {
    version = kApiVersion;
    Release = [](NotificationTable* self) { delete static_cast<Notification*>(self); };
    Activate = [](NotificationTable* self) {
      const auto& it = *static_cast<Notification*>(self);
      return guarded([&] { check(cudaEventRecord(it.event, it.stream), "cudaEventRecord"); });
    };
    WaitOnDevice = [](NotificationTable* self, SyncStream* consumer) {
      const auto& it = *static_cast<Notification*>(self);
      return guarded([&] {
        if (consumer == nullptr) return check(cudaEventSynchronize(it.event), "cudaEventSynchronize");
        auto* waiting = static_cast<cudaStream_t>(ort().SyncStream_GetHandle(consumer));
        check(cudaStreamWaitEvent(waiting, it.event), "cudaStreamWaitEvent");
      });
    };
    WaitOnHost = [](NotificationTable* self) {
      const auto& it = *static_cast<Notification*>(self);
      return guarded([&] { check(cudaEventSynchronize(it.event), "cudaEventSynchronize"); });
    };
    check(cudaSetDevice(device), "cudaSetDevice");
    check(cudaEventCreateWithFlags(&event, cudaEventDisableTiming), "cudaEventCreateWithFlags");
  }
  ~Notification() {
    static_cast<void>(cudaSetDevice(device));
    static_cast<void>(cudaEventDestroy(event));
  }
  Notification(const Notification&) = delete;
  Notification& operator=(const Notification&) = delete;

  int device;
  cudaStream_t stream;
  cudaEvent_t event = nullptr;
};

struct Stream final : SyncStreamTable {
  // A null stream: one of its own.
  Stream(int of, cudaStream_t lent) : SyncStreamTable{}, device(of), stream(lent), owns(lent == nullptr) {
    version = kApiVersion;
    Release = [](SyncStreamTable* self) { delete static_cast<Stream*>(self); };
    GetHandle = [](SyncStreamTable* self) -> void* { return static_cast<Stream*>(self)->stream; };
    CreateNotification = [](SyncStreamTable* self, NotificationTable** made) {
      const auto& it = *static_cast<Stream*>(self);
      return guarded([&] { *made = new Notification(it.device, it.stream); });
    };
    // An error of this one is only logged, so what a run has to know of is met in the other.
    Flush = [](SyncStreamTable* self) { return static_cast<Stream*>(self)->wait(); };
    OnSessionRunEnd = [](SyncStreamTable* self) { return static_cast<Stream*>(self)->wait(); };
    if (!owns) return;
    check(cudaStreamCreateWithFlags(&stream, cudaStreamNonBlocking), "cudaStreamCreateWithFlags");
    remember_stream(stream);
  }
  ~Stream() {
    if (!owns) return;
    forget_stream(stream);
    static_cast<void>(cudaSetDevice(device));
    static_cast<void>(cudaStreamDestroy(stream));
  }
  Stream(const Stream&) = delete;
  Stream& operator=(const Stream&) = delete;

  Status* wait() const noexcept {
    return guarded([&] { check(cudaStreamSynchronize(stream), "cudaStreamSynchronize"); });
  }

  int device;
  cudaStream_t stream;
  bool owns;
};

}  // namespace

SyncStreamTable* make_stream(const MemoryDevice* memory) { return new Stream(use_device_of(memory), nullptr); }

SyncStreamTable* lend_stream(int device, cudaStream_t stream) { return new Stream(device, stream); }

}  // namespace emulated_provider
