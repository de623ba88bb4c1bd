#include "onnx/values/memory.h"

#include "core/error.h"

namespace tensorlane {

void check_host_reads(const Operand& operand, const std::string& input) {
  if (operand.buffer == nullptr || operand.buffer->host_accessible()) return;
  throw Error(Code::NotSupported, "input '" + input +
                                      "' lies in the device's memory, from which models do not read yet; get() the "
                                      "tensor first, and give the model what that returns");
}

const ort::MemoryInfo* memory_of(const ort::Runtime& runtime, const Operand& operand, const std::string& input) {
  check_host_reads(operand, input);
  return runtime.host_memory;
}

}  // namespace tensorlane
