// The part of a device in whose memory models run: what it does for one run of a model whose provider computes there, on a stream of
// the provider's own. The runtime knows nothing of our lanes, so events order that stream with the lane's.
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <span>

#include "device/memory.h"

namespace tensorlane {

class Lane;
class TensorOperations;

// One run, within a task of a lane that pipelines. What is brought is copied while what ran before on the lane still computes.
class ModelRun {
 public:
  ModelRun() = default;
  ModelRun(const ModelRun&) = delete;
  ModelRun& operator=(const ModelRun&) = delete;
  // What the provider's stream was given is waited for, also where the run failed.
  virtual ~ModelRun() = default;

  // An input's address on the device: its parts, one after another. One part that is a tensor of the device's is used where it
  // lies. Good until the device has done the task's work. Errors: OutOfMemory, DeviceLost, Argument (a tensor of another device).
  virtual std::byte* bring(std::span<const Operand> parts) = 0;

  // The same as an operand of the device's operations on the lane, which come before what the provider is given.
  virtual Operand operand(std::span<const Operand> parts) = 0;
  // Memory for what such an operation makes, good for as long. Errors: OutOfMemory.
  virtual Operand take(std::size_t bytes) = 0;

  // Memory that the provider writes an output to: as a tensor of the device's where it stays, else good for as long. Errors: OutOfMemory.
  virtual Operand room(std::size_t bytes, bool stays) = 0;

  // Between these the provider is given its work; `stream` is its cudaStream_t. Errors: DeviceLost.
  virtual void begin(void* stream) = 0;
  virtual void end() = 0;

  // For a provider that computes on a stream of its own thread's, which nothing here can wait for: instead of begin() and end(). What was
  // brought and the rooms are there for what is copied after join(), which stands behind the provider's work as well; after await() all
  // of it is there for the provider. Errors: DeviceLost.
  virtual void join() = 0;
  virtual void copy(std::byte* to, const std::byte* from, std::size_t bytes) = 0;
  virtual void await() = 0;
  // Whatever the device was given by anyone: for such a provider's run that failed, which may have begun. An error is noted.
  virtual void await_device() noexcept = 0;

  // Behind end(), once operations on the lane have made what is fetched.
  virtual void operated() = 0;
  // Of an output, behind end(). In host memory, once the device has done the task's work: until what was deferred has run.
  virtual std::byte* fetch(const std::byte* from, std::size_t bytes) = 0;
  // As a tensor of the device's.
  virtual std::shared_ptr<Buffer> keep(const std::byte* from, std::size_t bytes) = 0;

  // Until the device has done the task's work.
  virtual void hold(std::shared_ptr<void> what) = 0;
  // Once it has; what it throws is the task's failure.
  virtual void defer(std::function<void()> work) = 0;
  // Errors: DeviceLost, where that is why the run failed.
  virtual void check_device() = 0;
};

class ModelRuns {
 public:
  ModelRuns() = default;
  ModelRuns(const ModelRuns&) = delete;
  ModelRuns& operator=(const ModelRuns&) = delete;
  virtual ~ModelRuns() = default;

  // On a lane of the device.
  virtual std::unique_ptr<ModelRun> model_run(Lane& lane) = 0;
};

// Whose memory a model's values lie in while it runs.
struct RunPlace {
  std::shared_ptr<ModelRuns> runs;  // null: the host's
  std::uint32_t vendor =
      0;          // PCI's number for who made the device, and which of theirs it is: a provider's memory has to be
  int index = 0;  // of the same
  // What steps before and after a model are made of: in that memory (null: there is none but the host's), and in the host's.
  std::shared_ptr<TensorOperations> operations{};
  std::shared_ptr<TensorOperations> host_operations{};
};

}  // namespace tensorlane
