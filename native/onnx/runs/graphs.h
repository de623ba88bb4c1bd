// CUDA graphs of a model: all that a batch of one size makes the device do, recorded once and repeated by one call.
//
// ONNX Runtime has the provider record a run by the id that the run brings, and repeat it for every later run of that id: of the same
// thread, and with inputs and outputs where they were. So there is one graph for each lane and size, with memory of its own for them, which
// inputs are copied to and outputs from. A batch takes the smallest graph that it fits in; the rows that it lacks are copies of its last.
//
// The provider records and repeats on a stream that is its own thread's, which nothing here can wait for: the host waits for what goes in,
// and the runtime for what comes of it. And what the provider takes for a run it may give to the next, while the graph still writes
// there: the runs of a model that has graphs take turns (Runs).
#pragma once

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <map>
#include <memory>
#include <mutex>
#include <span>
#include <vector>

#include "core/lanes/lane.h"
#include "device/model_runs.h"
#include "onnx/runs/runs.h"
#include "onnx/runtime/runtime.h"
#include "onnx/session/session.h"
#include "onnx/values/values.h"

namespace tensorlane {

struct GraphCounters {
  std::uint64_t replayed = 0;     // runs
  std::uint64_t padded_rows = 0;  // of these
  std::uint64_t plain = 0;        // runs that no graph was for
};

class Graphs {
 public:
  // Which of the model's inputs and outputs have a row for each of the batch: along their first dimension.
  struct Rows {
    std::vector<bool> inputs;
    std::vector<bool> outputs;
  };

  Graphs(const ort::Runtime& runtime, const Session& session, const ort::EpDevice* provider)
      : runtime_(runtime), session_(session), provider_(provider) {}

  // On a lane of the device: records a graph for runs there of inputs like these, all of which are tensors of numbers. It is there once
  // the task has ended. Errors: Model, also where the graph does not give what the model gives; OutOfMemory, DeviceLost, Disposed.
  void capture(Lane& lane, ModelRun& work, Runs& runs, std::span<const InputParts> inputs, const Rows& rows);

  // By the lane's graph for these inputs, the wanted outputs: see DeviceRuns::run. None where it has none. `pads`: the rows of inputs may be
  // fewer than the graph's. Errors: as capture().
  [[nodiscard]] std::vector<Output> replay(const Lane& lane, ModelRun& work, Runs& runs, const RunLog& log,
                                           std::span<const InputParts> inputs, std::span<const std::size_t> wanted,
                                           bool pads, bool stay);

  // Runs the session on what is bound, by the graph of this id or by none (Runs::kNoGraph), on the stream of this thread's. Of a run that
  // failed, all that it had begun has ended. Errors: Model, OutOfMemory, DeviceLost, Disposed.
  void run(ModelRun& work, Runs& runs, const RunLog& log, const ort::IoBinding* binding, int id) const;

  [[nodiscard]] GraphCounters counters() const {
    return {replayed_.load(std::memory_order_relaxed), padded_rows_.load(std::memory_order_relaxed),
            plain_.load(std::memory_order_relaxed)};
  }

 private:
  // One input or output, where it always lies.
  struct Place {
    DType type = DType::Float32;
    std::vector<std::int64_t> dims;
    Operand elements;
    bool has_rows = false;
  };
  struct Graph {
    explicit Graph(const ort::Api& api) : binding(api) {}
    int id = 0;
    std::int64_t rows = 0;  // 0: no input has any
    std::vector<Place> inputs;
    std::vector<Place> outputs;
    ort::OwnedIoBinding binding;
  };

  [[nodiscard]] ort::OwnedValue value_of(const Place& place) const;
  void bring(ModelRun& work, std::span<const InputParts> inputs, const Graph& graph) const;
  // The outputs of a plain run, whose places they give. In host memory once the task has ended.
  [[nodiscard]] std::vector<const std::byte*> try_plain(ModelRun& work, Runs& runs, Graph& graph) const;
  [[nodiscard]] const Graph* find(const Lane& lane, std::span<const InputParts> inputs, bool pads) const;

  const ort::Runtime& runtime_;
  const Session& session_;
  const ort::EpDevice* provider_;
  std::atomic<int> next_id_{1};  // 0 is that of runs that bring none
  std::atomic<std::uint64_t> replayed_{0};
  std::atomic<std::uint64_t> padded_rows_{0};
  std::atomic<std::uint64_t> plain_{0};

  using OfLane = std::vector<std::unique_ptr<Graph>>;  // by rows; of the lane's thread alone
  mutable std::mutex mutex_;                           // guards the map
  std::map<std::size_t, OfLane> lanes_;
};

}  // namespace tensorlane
