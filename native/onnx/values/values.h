// The values that go into a run and come out of it: tensors, and sequences, maps and optionals of them.
//
// Elements lie where an Operand says: in host memory, or in a Buffer of the device. The runtime reads and writes them
// there without a copy wherever it can reach that memory (memory.h says where that is).
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include "core/dtype.h"
#include "core/memory/workspace.h"
#include "device/device.h"
#include "onnx/runtime/runtime.h"
#include "onnx/values/value_type.h"

namespace tensorlane {

enum class ValueForm {
  Tensor,
  Sequence,
  Map,
  None,  // an optional that is empty, or an input that is left out
};

// One input of a run: its elements lie in `parts`, one after the other, in memory that outlives the run; or they are
// strings.
struct InputParts {
  std::vector<std::int64_t> dims;
  std::vector<Operand> parts;
  std::vector<std::string> strings;
  ValueForm form = ValueForm::Tensor;
  std::vector<InputParts> items{};  // of a sequence; of a map its keys and their values, in one dimension
};

// One output of a run. Its elements lie in memory of the runtime's, which their buffer keeps; or they are strings.
struct Output {
  DType type = DType::Float32;
  std::vector<std::int64_t> dims;
  Operand elements;
  std::vector<std::string> strings;
  ValueForm form = ValueForm::Tensor;
  std::vector<Output> items;  // of a sequence; of a map its keys and their values
};

// The values of a run, in the order of `inputs`; null for each that is left out. They are good for as long as neither
// `inputs` nor the workspace is used otherwise. Errors: Model, NotSupported (memory that the runtime cannot reach),
// OutOfMemory.
std::vector<ort::OwnedValue> make_inputs(const ort::Runtime& runtime, const std::vector<ValueInfo>& infos,
                                         std::span<const InputParts> inputs, Workspace& workspace);

std::size_t element_count(std::span<const std::int64_t> dims);

// A tensor's type and dims, and where its elements lie, which nothing keeps; of strings no elements. Errors: Model.
Output read_in_place(const ort::Runtime& runtime, ort::Value* value);

// Errors: Model.
Output read_output(const ort::Runtime& runtime, ort::OwnedValue value);

}  // namespace tensorlane
