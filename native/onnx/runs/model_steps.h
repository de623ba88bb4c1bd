// The steps that a model's inputs go through before it runs, and its outputs after: what callers give and get then, and how that comes
// of what the model itself takes and gives. The model knows nothing of it.
//
// An output whose steps end in topK is two to the caller: the second, the indices, stands behind all others.
#pragma once

#include <cstddef>
#include <memory>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include "core/lanes/lane.h"
#include "device/model_runs.h"
#include "device/steps.h"
#include "device/tensor_operations.h"
#include "onnx/session/session.h"
#include "onnx/values/values.h"

namespace tensorlane {

class ModelSteps {
 public:
  // `place` has the operations that they are made of. Errors: Argument, Shape and DType, naming the input or output and its step.
  ModelSteps(const Session& session, StepsByName before, StepsByName after, const RunPlace& place);

  // As callers give and get them.
  [[nodiscard]] const std::vector<ValueInfo>& inputs() const noexcept { return inputs_; }
  [[nodiscard]] const std::vector<ValueInfo>& outputs() const noexcept { return outputs_; }

  // The model's own outputs that these come of, each once.
  [[nodiscard]] std::vector<std::size_t> own_outputs(std::span<const std::size_t> wanted) const;
  // What the model's own input has for dims where callers give these. Errors: Shape.
  [[nodiscard]] std::vector<std::int64_t> own_dims(std::size_t input, std::vector<std::int64_t> dims) const;
  [[nodiscard]] bool changes(std::size_t input) const { return !before_.at(input).empty(); }

  // What is asked of the memory in which a run's values lie.
  struct Where {
    TensorOperations* operations = nullptr;
    // The parts of an input in one piece, as an operand.
    std::function<Operand(std::span<const Operand> parts)> join;
    TakeMemory take;
  };

  // On a lane: the model's own inputs. Where there is nothing to do they are as given. Errors: Shape, OutOfMemory, DeviceLost.
  [[nodiscard]] std::vector<InputParts> before(Lane& lane, const Where& where, std::span<const InputParts> given) const;
  // The outputs that are wanted, of the model's own, `made`, as own_outputs() has them. An output without steps is as the model made it.
  [[nodiscard]] std::vector<Output> after(Lane& lane, const Where& where, std::vector<Output> made,
                                          std::span<const std::size_t> wanted) const;

  // The same in host memory, by the CPU's operations.
  [[nodiscard]] std::vector<InputParts> before_on_host(Lane& lane, std::span<const InputParts> given) const;
  [[nodiscard]] std::vector<Output> after_on_host(Lane& lane, std::vector<Output> made,
                                                  std::span<const std::size_t> wanted) const;

  // Of the device, for values in its memory.
  [[nodiscard]] TensorOperations* device_operations() const noexcept { return device_operations_.get(); }

 private:
  // Of a caller's output: the model's own, and which of what its steps make.
  struct Source {
    std::size_t own = 0;
    std::size_t made = 0;
  };

  void read_before(const Session& session, StepsByName& before);
  void read_after(const Session& session, StepsByName& after);

  std::vector<ValueInfo> inputs_;
  std::vector<ValueInfo> outputs_;
  std::vector<std::vector<Step>> before_;  // of each input that a run needs; empty: none
  std::vector<std::vector<Step>> after_;   // of each of the model's own outputs
  std::vector<Source> sources_;            // of each of the callers' outputs
  std::shared_ptr<TensorOperations> host_operations_;
  std::shared_ptr<TensorOperations> device_operations_;
};

}  // namespace tensorlane
