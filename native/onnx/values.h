// The values that go into a run and come out of it, and what a model says of them.
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
#include "core/workspace.h"
#include "device/device.h"
#include "onnx/runtime.h"

namespace tensorlane {

struct ValueInfo {
  std::string name;
  DType type;
  std::vector<std::int64_t> dims;      // -1 for a free dimension
  std::vector<std::string> dim_names;  // empty where the model gives none
};

// One input of a run: its elements lie in `parts`, one after the other, in memory that outlives the run; or they are
// strings.
struct InputParts {
  std::vector<std::int64_t> dims;
  std::vector<Operand> parts;
  std::vector<std::string> strings;
};

// One output of a run. Its elements lie in memory of the runtime's, which their buffer keeps; or they are strings.
struct Output {
  DType type = DType::Float32;
  std::vector<std::int64_t> dims;
  Operand elements;
  std::vector<std::string> strings;
};

// Errors: Model, for what is not a tensor, or has elements that cannot be passed in or out.
ValueInfo read_value_info(const ort::Runtime& runtime, std::string name, const ort::TypeInfo* type);

// The inputs of a run, for as long as neither `inputs` nor the workspace is used otherwise. Errors: Model,
// NotSupported (memory that the runtime cannot reach), OutOfMemory.
std::vector<ort::OwnedValue> make_inputs(const ort::Runtime& runtime, const std::vector<ValueInfo>& infos,
                                         std::span<const InputParts> inputs, Workspace& workspace);

// Errors: Model.
Output read_output(const ort::Runtime& runtime, ort::OwnedValue value);

}  // namespace tensorlane
