// The functions of ONNX Runtime that the provider calls, by their places in its tables (test/native/onnx/ort_slots.inc has those of
// the first), and what turns the runtime's statuses and CUDA's errors into exceptions and back.
#pragma once

#include <cuda_runtime_api.h>

#include <cstddef>
#include <cstdint>
#include <new>
#include <stdexcept>
#include <string>

#include "provider/abi.h"

namespace emulated_provider {

// X(name, place, result, arguments)
#define EMULATED_PROVIDER_ORT(X)                                                                                       \
  X(CreateStatus, 0, Status*, (int code, const char* message))                                                         \
  X(GetErrorMessage, 2, const char*, (const Status*))                                                                  \
  X(GetTensorMutableData, 51, Status*, (Value*, void**))                                                               \
  X(CastTypeInfoToTensorInfo, 55, Status*, (const TypeInfo*, const TensorTypeInfo**))                                  \
  X(GetDimensionsCount, 61, Status*, (const TensorTypeInfo*, std::size_t*))                                            \
  X(GetDimensions, 62, Status*, (const TensorTypeInfo*, std::int64_t*, std::size_t))                                   \
  X(GetTensorTypeAndShape, 65, Status*, (const Value*, TensorTypeInfo**))                                              \
  X(KernelInfoGetAttribute_float, 85, Status*, (const KernelInfo*, const char* name, float*))                          \
  X(KernelInfoGetAttribute_int64, 86, Status*, (const KernelInfo*, const char* name, std::int64_t*))                   \
  X(KernelInfoGetAttribute_string, 87, Status*, (const KernelInfo*, const char* name, char*, std::size_t*))            \
  X(KernelContext_GetInputCount, 88, Status*, (const KernelContext*, std::size_t*))                                    \
  X(KernelContext_GetInput, 90, Status*, (const KernelContext*, std::size_t, const Value**))                           \
  X(KernelContext_GetOutput, 91, Status*, (KernelContext*, std::size_t, const std::int64_t*, std::size_t, Value**))    \
  X(ReleaseStatus, 93, void, (Status*))                                                                                \
  X(ReleaseMemoryInfo, 94, void, (MemoryInfo*))                                                                        \
  X(ReleaseTensorTypeAndShapeInfo, 99, void, (TensorTypeInfo*))                                                        \
  X(KernelInfoGetAttributeArray_int64, 163, Status*,                                                                   \
    (const KernelInfo*, const char* name, std::int64_t*, std::size_t*))                                                \
  X(KernelContext_GetGPUComputeStream, 193, Status*, (const KernelContext*, void**))                                   \
  X(GetValueInfoTypeInfo, 290, Status*, (const ValueInfo*, const TypeInfo**))                                          \
  X(CreateKeyValuePairs, 295, void, (KeyValuePairs**))                                                                 \
  X(AddKeyValuePair, 296, void, (KeyValuePairs*, const char* key, const char* value))                                  \
  X(GetKeyValue, 297, const char*, (const KeyValuePairs*, const char* key))                                            \
  X(GetKeyValuePairs, 298, void,                                                                                       \
    (const KeyValuePairs*, const char* const** keys, const char* const** values, std::size_t*))                        \
  X(ReleaseKeyValuePairs, 300, void, (KeyValuePairs*))                                                                 \
  X(GetEpApi, 317, const void*, ())                                                                                    \
  X(GetTensorSizeInBytes, 318, Status*, (const Value*, std::size_t*))                                                  \
  X(CreateMemoryInfo_V2, 320, Status*,                                                                                 \
    (const char* name, int device_type, std::uint32_t vendor, std::int32_t id, int memory_type, std::size_t alignment, \
     int allocator_type, MemoryInfo**))                                                                                \
  X(Graph_GetNumNodes, 344, Status*, (const Graph*, std::size_t*))                                                     \
  X(Graph_GetNodes, 345, Status*, (const Graph*, const Node**, std::size_t))                                           \
  X(Node_GetOperatorType, 350, Status*, (const Node*, const char**))                                                   \
  X(Node_GetNumInputs, 353, Status*, (const Node*, std::size_t*))                                                      \
  X(Node_GetInputs, 354, Status*, (const Node*, const ValueInfo**, std::size_t))                                       \
  X(GetRunConfigEntry, 373, const char*, (const RunOptions*, const char* key))                                         \
  X(GetTensorData, 378, Status*, (const Value*, const void**))                                                         \
  X(GetSessionOptionsConfigEntries, 379, Status*, (const SessionOptions*, KeyValuePairs**))                            \
  X(SyncStream_GetHandle, 384, void*, (SyncStream*))

#define EMULATED_PROVIDER_EP(X)                                                                                      \
  X(CreateEpDevice, 0, Status*,                                                                                      \
    (FactoryTable*, const HardwareDevice*, const KeyValuePairs* metadata, const KeyValuePairs* options, EpDevice**)) \
  X(AddSingleNode, 3, Status*, (SupportInfo*, const Node*))                                                          \
  X(EpDevice_AddAllocatorInfo, 5, Status*, (EpDevice*, const MemoryInfo*))                                           \
  X(MemoryInfo_GetMemoryDevice, 6, const MemoryDevice*, (const MemoryInfo*))                                         \
  X(Value_GetMemoryDevice, 7, const MemoryDevice*, (const Value*))                                                   \
  X(MemoryDevice_GetDeviceType, 9, int, (const MemoryDevice*))                                                       \
  X(MemoryDevice_GetVendorId, 11, std::uint32_t, (const MemoryDevice*))                                              \
  X(MemoryDevice_GetDeviceId, 12, std::uint32_t, (const MemoryDevice*))                                              \
  X(CreateHardwareDevice, 16, Status*,                                                                               \
    (int type, std::uint32_t vendor_id, std::uint32_t device_id, const char* vendor, const KeyValuePairs*,           \
     HardwareDevice**))                                                                                              \
  X(ReleaseHardwareDevice, 17, void, (HardwareDevice*))                                                              \
  X(CreateKernelRegistry, 18, Status*, (KernelRegistry**))                                                           \
  X(ReleaseKernelRegistry, 19, void, (KernelRegistry*))                                                              \
  X(KernelRegistry_AddKernel, 20, Status*, (KernelRegistry*, const KernelDef*, CreateKernel, void* state))           \
  X(CreateKernelDefBuilder, 21, Status*, (KernelDefBuilder**))                                                       \
  X(ReleaseKernelDefBuilder, 22, void, (KernelDefBuilder*))                                                          \
  X(SetOperatorType, 23, Status*, (KernelDefBuilder*, const char*))                                                  \
  X(SetDomain, 24, Status*, (KernelDefBuilder*, const char*))                                                        \
  X(SetSinceVersion, 25, Status*, (KernelDefBuilder*, int from, int to))                                             \
  X(SetExecutionProvider, 26, Status*, (KernelDefBuilder*, const char*))                                             \
  X(SetInputMemType, 27, Status*, (KernelDefBuilder*, std::size_t, int))                                             \
  X(SetOutputMemType, 28, Status*, (KernelDefBuilder*, std::size_t, int))                                            \
  X(AddTypeConstraint, 29, Status*, (KernelDefBuilder*, const char*, const DataType* const*, std::size_t))           \
  X(BuildKernelDef, 32, Status*, (KernelDefBuilder*, KernelDef**))                                                   \
  X(ReleaseKernelDef, 33, void, (KernelDef*))                                                                        \
  X(GetTensorDataType, 40, Status*, (int element_type, const DataType**))                                            \
  X(LookUpKernel, 41, Status*, (SupportInfo*, const Node*, const KernelDef**))

struct Functions {
#define EMULATED_PROVIDER_MEMBER(name, slot, result, arguments) result(*name) arguments;  // NOLINT
  EMULATED_PROVIDER_ORT(EMULATED_PROVIDER_MEMBER)
  EMULATED_PROVIDER_EP(EMULATED_PROVIDER_MEMBER)
#undef EMULATED_PROVIDER_MEMBER
};

// Of the process's runtime, since the library was registered.
const Functions& ort() noexcept;
// False where it is older than kApiVersion; then only CreateStatus may be called.
bool read_functions(const ApiBase& base) noexcept;

class Failure : public std::runtime_error {
 public:
  using std::runtime_error::runtime_error;
};

// Releases the status. Errors: Failure.
void check(Status* status);
// Errors: Failure, which of memory that is out says so in the runtime's own words.
void check(cudaError_t error, const char* call);

// What of a status tells whether something is there.
bool succeeded(Status* status) noexcept;

Status* failed(const char* why) noexcept;

// `work` for the runtime, which takes no exceptions.
template <typename Work>
Status* guarded(Work work) noexcept {
  try {
    work();
    return nullptr;
  } catch (const std::bad_alloc&) {
    return failed("bad allocation");
  } catch (const std::exception& error) {
    return failed(error.what());
  }
}

}  // namespace emulated_provider
