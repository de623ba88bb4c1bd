// Which memory the runtime can reach, and how it is told of it.
//
// Today that is the memory that host code can reach: host memory, and the buffers of a device whose memory it is (the
// CPU). A buffer in a GPU's memory is refused: for it, the session's provider must compute on that GPU, in the order of
// the lane's stream.
#pragma once

#include <string>

#include "device/device.h"
#include "onnx/runtime/runtime.h"

namespace tensorlane {

// Errors: NotSupported, naming the input that lies where host code cannot reach it.
void check_host_reads(const Operand& operand, const std::string& input);

// By which name the runtime knows the memory that the operand lies in. Errors: as above.
const ort::MemoryInfo* memory_of(const ort::Runtime& runtime, const Operand& operand, const std::string& input);

}  // namespace tensorlane
