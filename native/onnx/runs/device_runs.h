// Runs of a model in the memory of its device: inputs and outputs are bound there, the provider is told to compute on a stream that
// belongs to the lane, and nobody waits: what is left to do is done when the device has come to it.
//
// For providers that come as plugins, since ONNX Runtime 1.24, which let a run be given its stream.
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <span>
#include <string>
#include <vector>

#include "core/lanes/lane.h"
#include "device/model_runs.h"
#include "onnx/guard/shape_guard.h"
#include "onnx/runs/graphs.h"
#include "onnx/runs/model_steps.h"
#include "onnx/runs/output_shapes.h"
#include "onnx/runs/runs.h"
#include "onnx/runtime/runtime.h"
#include "onnx/session/session.h"
#include "onnx/values/values.h"

namespace tensorlane {

class DeviceRuns {
 public:
  // Whether the session's provider computes in the device's memory and can be given a stream, and all inputs and outputs are its own.
  // One that the CPU reads or writes is not: the runtime would copy it without waiting for the stream.
  static bool possible(const ort::Runtime& runtime, const Session& session, const RunPlace& place);

  DeviceRuns(const ort::Runtime& runtime, const Session& session, const ort::EpDevice* device,
             std::shared_ptr<ModelRuns> place)
      : runtime_(runtime), session_(session), provider_(device), place_(std::move(place)) {
    if (session.captures()) graphs_ = std::make_unique<Graphs>(runtime, session, device);
  }
  ~DeviceRuns();
  DeviceRuns(const DeviceRuns&) = delete;
  DeviceRuns& operator=(const DeviceRuns&) = delete;

  // Whether these outputs of these inputs can be bound: all of them are tensors of numbers.
  [[nodiscard]] bool takes(std::span<const InputParts> inputs, std::span<const std::size_t> wanted) const;

  struct Request {
    // What callers give and want where there are steps, else the model's own.
    std::span<const InputParts> inputs;
    std::span<const std::size_t> wanted;
    bool resident = false;
    bool pads = false;  // its rows change nothing of one another's outputs: a graph of more of them will do
    const ModelSteps* steps = nullptr;
    ShapeGuard* shapes = nullptr;  // sees the model's own inputs before it runs
  };
  using Deliver = std::function<void(std::vector<Output>)>;
  // On a lane of the device. `deliver` is called once the device has done its work, on the lane's thread: with tensors of the device
  // where `resident`, else with outputs in host memory that is good for the call, and that no buffer keeps.
  // Errors: Model, Shape, OutOfMemory, DeviceLost, Disposed.
  void run(Lane& lane, Runs& runs, const RunLog& log, const Request& request, Deliver deliver);

  // Records a graph for runs on the lane of inputs like these. Errors: NotSupported, and as Graphs has them.
  void capture(Lane& lane, Runs& runs, const Request& request, const Graphs::Rows& rows);
  [[nodiscard]] const Graphs* graphs() const noexcept { return graphs_.get(); }

 private:
  void run(Lane& lane, ModelRun& work, Runs& runs, const RunLog& log, const Request& request, Deliver deliver);
  ort::SyncStream* stream_of(const Lane& lane);
  // To memory that the provider takes as it runs.
  void bind_to_device(ort::IoBinding* binding, std::span<const std::size_t> wanted) const;
  // To memory of the device's, for outputs of the dims that are expected.
  [[nodiscard]] std::vector<Output> bind_rooms(ModelRun& work, ort::IoBinding* binding,
                                               std::span<const std::size_t> wanted,
                                               std::span<const OutputShapes::Dims> expected, bool stay) const;

  // Of the model's own inputs, which makes its own outputs. Errors: as run().
  std::vector<Output> run_plain(const Lane& lane, ModelRun& work, Runs& runs, const RunLog& log,
                                std::span<const InputParts> inputs, std::span<const std::size_t> wanted, bool stay);
  ModelSteps::Where where_of(ModelRun& work, const ModelSteps* steps) const;

  const ort::Runtime& runtime_;
  const Session& session_;
  const ort::EpDevice* provider_;
  std::shared_ptr<ModelRuns> place_;
  std::unique_ptr<Graphs> graphs_;  // null: the session records none
  // Of a session that records no graphs. Errors: as run().
  void run_on(ort::SyncStream* stream, Runs& runs, const RunLog& log, ModelRun& work,
              const ort::IoBinding* binding) const;

  OutputShapes shapes_;
  std::mutex mutex_;                                 // guards streams_
  std::map<std::size_t, ort::SyncStream*> streams_;  // of each lane that has run it
};

}  // namespace tensorlane
