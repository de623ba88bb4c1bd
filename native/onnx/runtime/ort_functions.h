// The functions of ONNX Runtime's C API that are used here: one table, from which everything else about them is made.
//
// The library is opened at run time, and its API is an array of functions that only ever grows: a function's place in
// it never moves, so GetApi(21) of any runtime since 1.21 returns an array that begins alike. Each row below states
// that place, and the version of the API since which it is there. No header of ONNX Runtime is needed, and none of its
// types is looked into.
#pragma once

#include <cstddef>
#include <cstdint>

namespace tensorlane::ort {

// What is asked of GetApi: a function that is newer may not be read from the array that this returns.
inline constexpr std::uint32_t kApiVersion = 21;

struct Env;
struct Status;
struct Session;
struct SessionOptions;
struct RunOptions;
struct Value;
struct TypeInfo;
struct TensorTypeInfo;
struct SequenceTypeInfo;
struct MapTypeInfo;
struct OptionalTypeInfo;
struct MemoryInfo;
struct Allocator;
struct CudaProviderOptions;
struct IoBinding;
struct KeyValuePairs;
struct SyncStream;
struct EpDevice;
struct EpAssignedSubgraph;
struct EpAssignedNode;
struct ThreadingOptions;
struct CustomOpDomain;
struct CustomOp;
struct KernelContext;

// OrtCustomCreateThreadFn, which starts a thread that calls `work(argument)`, and OrtCustomJoinThreadFn.
using CreateThread = void* (*)(void* options, void (*work)(void*), void* argument);
using JoinThread = void (*)(void* thread);

// OrtErrorCode: the ones that are told apart.
inline constexpr int kNoSuchFile = 3;

// ONNXType: what a value is.
inline constexpr int kTypeTensor = 1;
inline constexpr int kTypeSequence = 2;
inline constexpr int kTypeMap = 3;
inline constexpr int kTypeSparseTensor = 5;
inline constexpr int kTypeOptional = 6;

// OrtLoggingLevel, OrtAllocatorType, OrtMemType and OrtDeviceMemoryType: the ones that are used.
inline constexpr int kLogFatal = 4;
inline constexpr int kArenaAllocator = 1;
inline constexpr int kMemTypeDefault = 0;
inline constexpr int kDeviceMemoryDefault = 0;

// X(name, place in the array, version since which it is there, result, arguments), in the order of their places.
#define TENSORLANE_ORT_FUNCTIONS(X)                                                                                    \
  X(GetErrorCode, 1, 1, int, (const Status*))                                                                          \
  X(GetErrorMessage, 2, 1, const char*, (const Status*))                                                               \
  X(CreateEnv, 3, 1, Status*, (int log_level, const char* log_id, Env**))                                              \
  X(DisableTelemetryEvents, 6, 1, Status*, (const Env*))                                                               \
  X(CreateSession, 7, 1, Status*, (const Env*, const char* path, const SessionOptions*, Session**))                    \
  X(CreateSessionFromArray, 8, 1, Status*,                                                                             \
    (const Env*, const void* bytes, std::size_t length, const SessionOptions*, Session**))                             \
  X(Run, 9, 1, Status*,                                                                                                \
    (Session*, const RunOptions*, const char* const* input_names, const Value* const* inputs, std::size_t input_count, \
     const char* const* output_names, std::size_t output_count, Value** outputs))                                      \
  X(CreateSessionOptions, 10, 1, Status*, (SessionOptions**))                                                          \
  X(SetOptimizedModelFilePath, 11, 1, Status*, (SessionOptions*, const char* path))                                    \
  X(SetSessionExecutionMode, 13, 1, Status*, (SessionOptions*, int))                                                   \
  X(EnableProfiling, 14, 1, Status*, (SessionOptions*, const char* prefix))                                            \
  X(EnableMemPattern, 16, 1, Status*, (SessionOptions*))                                                               \
  X(DisableMemPattern, 17, 1, Status*, (SessionOptions*))                                                              \
  X(EnableCpuMemArena, 18, 1, Status*, (SessionOptions*))                                                              \
  X(DisableCpuMemArena, 19, 1, Status*, (SessionOptions*))                                                             \
  X(SetSessionLogId, 20, 1, Status*, (SessionOptions*, const char*))                                                   \
  X(SetSessionLogVerbosityLevel, 21, 1, Status*, (SessionOptions*, int))                                               \
  X(SetSessionLogSeverityLevel, 22, 1, Status*, (SessionOptions*, int))                                                \
  X(SetSessionGraphOptimizationLevel, 23, 1, Status*, (SessionOptions*, int))                                          \
  X(SetIntraOpNumThreads, 24, 1, Status*, (SessionOptions*, int))                                                      \
  X(SetInterOpNumThreads, 25, 1, Status*, (SessionOptions*, int))                                                      \
  X(CreateCustomOpDomain, 26, 1, Status*, (const char* name, CustomOpDomain**))                                        \
  X(CustomOpDomain_Add, 27, 1, Status*, (CustomOpDomain*, const CustomOp*))                                            \
  X(AddCustomOpDomain, 28, 1, Status*, (SessionOptions*, CustomOpDomain*))                                             \
  X(SessionGetInputCount, 30, 1, Status*, (const Session*, std::size_t*))                                              \
  X(SessionGetOutputCount, 31, 1, Status*, (const Session*, std::size_t*))                                             \
  X(SessionGetOverridableInitializerCount, 32, 1, Status*, (const Session*, std::size_t*))                             \
  X(SessionGetInputTypeInfo, 33, 1, Status*, (const Session*, std::size_t index, TypeInfo**))                          \
  X(SessionGetOutputTypeInfo, 34, 1, Status*, (const Session*, std::size_t index, TypeInfo**))                         \
  X(SessionGetOverridableInitializerTypeInfo, 35, 1, Status*, (const Session*, std::size_t index, TypeInfo**))         \
  X(SessionGetInputName, 36, 1, Status*, (const Session*, std::size_t index, Allocator*, char**))                      \
  X(SessionGetOutputName, 37, 1, Status*, (const Session*, std::size_t index, Allocator*, char**))                     \
  X(SessionGetOverridableInitializerName, 38, 1, Status*, (const Session*, std::size_t index, Allocator*, char**))     \
  X(CreateRunOptions, 39, 1, Status*, (RunOptions**))                                                                  \
  X(RunOptionsSetRunLogVerbosityLevel, 40, 1, Status*, (RunOptions*, int))                                             \
  X(RunOptionsSetRunLogSeverityLevel, 41, 1, Status*, (RunOptions*, int))                                              \
  X(RunOptionsSetRunTag, 42, 1, Status*, (RunOptions*, const char*))                                                   \
  X(RunOptionsSetTerminate, 46, 1, Status*, (RunOptions*))                                                             \
  X(CreateTensorAsOrtValue, 48, 1, Status*,                                                                            \
    (Allocator*, const std::int64_t* dims, std::size_t rank, int type, Value**))                                       \
  X(CreateTensorWithDataAsOrtValue, 49, 1, Status*,                                                                    \
    (const MemoryInfo*, void* data, std::size_t bytes, const std::int64_t* dims, std::size_t rank, int type, Value**)) \
  X(GetTensorMutableData, 51, 1, Status*, (Value*, void**))                                                            \
  X(GetStringTensorDataLength, 53, 1, Status*, (const Value*, std::size_t* bytes))                                     \
  X(GetStringTensorContent, 54, 1, Status*,                                                                            \
    (const Value*, void* text, std::size_t bytes, std::size_t* offsets, std::size_t count))                            \
  X(CastTypeInfoToTensorInfo, 55, 1, Status*, (const TypeInfo*, const TensorTypeInfo**))                               \
  X(GetOnnxTypeFromTypeInfo, 56, 1, Status*, (const TypeInfo*, int*))                                                  \
  X(GetTensorElementType, 60, 1, Status*, (const TensorTypeInfo*, int*))                                               \
  X(GetDimensionsCount, 61, 1, Status*, (const TensorTypeInfo*, std::size_t*))                                         \
  X(GetDimensions, 62, 1, Status*, (const TensorTypeInfo*, std::int64_t*, std::size_t))                                \
  X(GetSymbolicDimensions, 63, 1, Status*, (const TensorTypeInfo*, const char**, std::size_t))                         \
  X(GetTensorTypeAndShape, 65, 1, Status*, (const Value*, TensorTypeInfo**))                                           \
  X(GetValueType, 67, 1, Status*, (const Value*, int*))                                                                \
  X(CreateCpuMemoryInfo, 69, 1, Status*, (int allocator_type, int mem_type, MemoryInfo**))                             \
  X(MemoryInfoGetId, 72, 1, Status*, (const MemoryInfo*, int*))                                                        \
  X(AllocatorFree, 76, 1, Status*, (Allocator*, void*))                                                                \
  X(GetAllocatorWithDefaultOptions, 78, 1, Status*, (Allocator**))                                                     \
  X(GetValue, 80, 1, Status*, (const Value*, int index, Allocator*, Value**))                                          \
  X(GetValueCount, 81, 1, Status*, (const Value*, std::size_t*))                                                       \
  X(CreateValue, 82, 1, Status*, (const Value* const* parts, std::size_t count, int type, Value**))                    \
  X(KernelContext_GetOutput, 91, 1, Status*,                                                                           \
    (KernelContext*, std::size_t index, const std::int64_t* dims, std::size_t rank, Value**))                          \
  X(ReleaseStatus, 93, 1, void, (Status*))                                                                             \
  X(ReleaseSession, 95, 1, void, (Session*))                                                                           \
  X(ReleaseValue, 96, 1, void, (Value*))                                                                               \
  X(ReleaseRunOptions, 97, 1, void, (RunOptions*))                                                                     \
  X(ReleaseTypeInfo, 98, 1, void, (TypeInfo*))                                                                         \
  X(ReleaseTensorTypeAndShapeInfo, 99, 1, void, (TensorTypeInfo*))                                                     \
  X(ReleaseSessionOptions, 100, 1, void, (SessionOptions*))                                                            \
  X(ReleaseCustomOpDomain, 101, 1, void, (CustomOpDomain*))                                                            \
  X(CastTypeInfoToMapTypeInfo, 103, 2, Status*, (const TypeInfo*, const MapTypeInfo**))                                \
  X(CastTypeInfoToSequenceTypeInfo, 104, 2, Status*, (const TypeInfo*, const SequenceTypeInfo**))                      \
  X(GetMapKeyType, 105, 2, Status*, (const MapTypeInfo*, int*))                                                        \
  X(GetMapValueType, 106, 2, Status*, (const MapTypeInfo*, TypeInfo**))                                                \
  X(GetSequenceElementType, 107, 2, Status*, (const SequenceTypeInfo*, TypeInfo**))                                    \
  X(SessionEndProfiling, 110, 2, Status*, (Session*, Allocator*, char** path))                                         \
  X(CreateEnvWithGlobalThreadPools, 119, 3, Status*,                                                                   \
    (int log_level, const char* log_id, const ThreadingOptions*, Env**))                                               \
  X(DisablePerSessionThreads, 120, 3, Status*, (SessionOptions*))                                                      \
  X(CreateThreadingOptions, 121, 3, Status*, (ThreadingOptions**))                                                     \
  X(ReleaseThreadingOptions, 122, 3, void, (ThreadingOptions*))                                                        \
  X(AddFreeDimensionOverrideByName, 124, 3, Status*, (SessionOptions*, const char* name, std::int64_t))                \
  X(AddSessionConfigEntry, 130, 5, Status*, (SessionOptions*, const char* key, const char* value))                     \
  X(RunWithBinding, 133, 5, Status*, (Session*, const RunOptions*, const IoBinding*))                                  \
  X(CreateIoBinding, 134, 5, Status*, (Session*, IoBinding**))                                                         \
  X(ReleaseIoBinding, 135, 5, void, (IoBinding*))                                                                      \
  X(BindInput, 136, 5, Status*, (IoBinding*, const char* name, const Value*))                                          \
  X(BindOutput, 137, 5, Status*, (IoBinding*, const char* name, const Value*))                                         \
  X(BindOutputToDevice, 138, 5, Status*, (IoBinding*, const char* name, const MemoryInfo*))                            \
  X(GetBoundOutputValues, 140, 5, Status*, (const IoBinding*, Allocator*, Value***, std::size_t*))                     \
  X(SetGlobalIntraOpNumThreads, 147, 5, Status*, (ThreadingOptions*, int))                                             \
  X(SetGlobalInterOpNumThreads, 148, 5, Status*, (ThreadingOptions*, int))                                             \
  X(AddRunConfigEntry, 165, 8, Status*, (RunOptions*, const char* key, const char* value))                             \
  X(HasValue, 192, 10, Status*, (const Value*, int*))                                                                  \
  X(SessionOptionsSetCustomCreateThreadFn, 196, 10, Status*, (SessionOptions*, CreateThread))                          \
  X(SessionOptionsSetCustomThreadCreationOptions, 197, 10, Status*, (SessionOptions*, void*))                          \
  X(SessionOptionsSetCustomJoinThreadFn, 198, 10, Status*, (SessionOptions*, JoinThread))                              \
  X(SetGlobalCustomCreateThreadFn, 199, 10, Status*, (ThreadingOptions*, CreateThread))                                \
  X(SetGlobalCustomThreadCreationOptions, 200, 10, Status*, (ThreadingOptions*, void*))                                \
  X(SetGlobalCustomJoinThreadFn, 201, 10, Status*, (ThreadingOptions*, JoinThread))                                    \
  X(SessionOptionsAppendExecutionProvider_CUDA_V2, 204, 11, Status*, (SessionOptions*, const CudaProviderOptions*))    \
  X(CreateCUDAProviderOptions, 205, 11, Status*, (CudaProviderOptions**))                                              \
  X(UpdateCUDAProviderOptions, 206, 11, Status*,                                                                       \
    (CudaProviderOptions*, const char* const* keys, const char* const* values, std::size_t count))                     \
  X(ReleaseCUDAProviderOptions, 208, 11, void, (CudaProviderOptions*))                                                 \
  X(RegisterCustomOpsLibrary_V2, 228, 14, Status*, (SessionOptions*, const char* path))                                \
  X(CastTypeInfoToOptionalTypeInfo, 250, 15, Status*, (const TypeInfo*, const OptionalTypeInfo**))                     \
  X(GetOptionalContainedTypeInfo, 251, 15, Status*, (const OptionalTypeInfo*, TypeInfo**))                             \
  X(GetResizedStringTensorElementBuffer, 252, 15, Status*,                                                             \
    (Value*, std::size_t index, std::size_t bytes, char** text))                                                       \
  X(KernelContext_ParallelFor, 274, 17, Status*,                                                                       \
    (const KernelContext*, void (*work)(void*, std::size_t), std::size_t total, std::size_t batches, void*))           \
  X(AddExternalInitializersFromFilesInMemory, 279, 18, Status*,                                                        \
    (SessionOptions*, const char* const* paths, char* const* bytes, const std::size_t* lengths, std::size_t count))

// What newer runtimes have beside these, of version 22 and up: null in an older one. Whoever calls them looks first.
#define TENSORLANE_ORT_LATER_FUNCTIONS(X)                                                                        \
  X(RegisterExecutionProviderLibrary, 301, 22, Status*, (Env*, const char* registration_name, const char* path)) \
  X(GetEpDevices, 303, 22, Status*, (const Env*, const EpDevice* const**, std::size_t*))                         \
  X(SessionOptionsAppendExecutionProvider_V2, 304, 22, Status*,                                                  \
    (SessionOptions*, Env*, const EpDevice* const* devices, std::size_t device_count, const char* const* keys,   \
     const char* const* values, std::size_t count))                                                              \
  X(EpDevice_EpName, 312, 22, const char*, (const EpDevice*))                                                    \
  X(MemoryInfoGetVendorId, 322, 23, std::uint32_t, (const MemoryInfo*))                                          \
  X(EpDevice_MemoryInfo, 374, 23, const MemoryInfo*, (const EpDevice*, int memory_type))                         \
  X(SessionGetMemoryInfoForInputs, 380, 23, Status*, (const Session*, const MemoryInfo**, std::size_t))          \
  X(SessionGetMemoryInfoForOutputs, 381, 23, Status*, (const Session*, const MemoryInfo**, std::size_t))         \
  X(CreateSyncStreamForEpDevice, 383, 23, Status*, (const EpDevice*, const KeyValuePairs*, SyncStream**))        \
  X(SyncStream_GetHandle, 384, 23, void*, (SyncStream*))                                                         \
  X(ReleaseSyncStream, 385, 23, void, (SyncStream*))                                                             \
  X(Session_GetEpGraphAssignmentInfo, 407, 24, Status*,                                                          \
    (const Session*, const EpAssignedSubgraph* const**, std::size_t*))                                           \
  X(EpAssignedSubgraph_GetEpName, 408, 24, Status*, (const EpAssignedSubgraph*, const char**))                   \
  X(EpAssignedSubgraph_GetNodes, 409, 24, Status*,                                                               \
    (const EpAssignedSubgraph*, const EpAssignedNode* const**, std::size_t*))                                    \
  X(EpAssignedNode_GetName, 410, 24, Status*, (const EpAssignedNode*, const char**))                             \
  X(EpAssignedNode_GetOperatorType, 412, 24, Status*, (const EpAssignedNode*, const char**))                     \
  X(RunOptionsSetSyncStream, 413, 24, void, (RunOptions*, SyncStream*))

}  // namespace tensorlane::ort
