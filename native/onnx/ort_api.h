// ONNX Runtime's C API, as far as it is used here.
//
// The library is opened at run time, and its API is a table of functions that only ever grows: a function's place in it
// never moves, so GetApi(21) of any runtime since 1.21 returns a table that begins alike. Each entry below states that
// place. No header of ONNX Runtime is needed, and none of its types is looked into.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>

namespace tensorlane::ort {

inline constexpr std::uint32_t kApiVersion = 21;

struct Env;
struct Status;
struct Session;
struct SessionOptions;
struct RunOptions;
struct Value;
struct TypeInfo;
struct TensorTypeInfo;
struct MemoryInfo;
struct Allocator;
struct CudaProviderOptions;

// OrtCustomCreateThreadFn, which starts a thread that calls `work(argument)`, and OrtCustomJoinThreadFn.
using CreateThread = void* (*)(void* options, void (*work)(void*), void* argument);
using JoinThread = void (*)(void* thread);

// OrtErrorCode: the ones that are told apart.
inline constexpr int kNoSuchFile = 3;

// ONNXType: a value that is a tensor.
inline constexpr int kTypeTensor = 1;

// OrtLoggingLevel, OrtAllocatorType and OrtMemType: the ones that are used.
inline constexpr int kLogFatal = 4;
inline constexpr int kArenaAllocator = 1;
inline constexpr int kMemTypeDefault = 0;

// X(name, slot in the table, result, arguments)
#define TENSORLANE_ORT_FUNCTIONS(X)                                                                                    \
  X(GetErrorCode, 1, int, (const Status*))                                                                             \
  X(GetErrorMessage, 2, const char*, (const Status*))                                                                  \
  X(CreateEnv, 3, Status*, (int log_level, const char* log_id, Env**))                                                 \
  X(DisableTelemetryEvents, 6, Status*, (const Env*))                                                                  \
  X(CreateSession, 7, Status*, (const Env*, const char* path, const SessionOptions*, Session**))                       \
  X(CreateSessionFromArray, 8, Status*,                                                                                \
    (const Env*, const void* bytes, std::size_t length, const SessionOptions*, Session**))                             \
  X(Run, 9, Status*,                                                                                                   \
    (Session*, const RunOptions*, const char* const* input_names, const Value* const* inputs, std::size_t input_count, \
     const char* const* output_names, std::size_t output_count, Value** outputs))                                      \
  X(CreateSessionOptions, 10, Status*, (SessionOptions**))                                                             \
  X(SetIntraOpNumThreads, 24, Status*, (SessionOptions*, int))                                                         \
  X(SetInterOpNumThreads, 25, Status*, (SessionOptions*, int))                                                         \
  X(SessionGetInputCount, 30, Status*, (const Session*, std::size_t*))                                                 \
  X(SessionGetOutputCount, 31, Status*, (const Session*, std::size_t*))                                                \
  X(SessionGetInputTypeInfo, 33, Status*, (const Session*, std::size_t index, TypeInfo**))                             \
  X(SessionGetOutputTypeInfo, 34, Status*, (const Session*, std::size_t index, TypeInfo**))                            \
  X(SessionGetInputName, 36, Status*, (const Session*, std::size_t index, Allocator*, char**))                         \
  X(SessionGetOutputName, 37, Status*, (const Session*, std::size_t index, Allocator*, char**))                        \
  X(CreateRunOptions, 39, Status*, (RunOptions**))                                                                     \
  X(RunOptionsSetTerminate, 46, Status*, (RunOptions*))                                                                \
  X(CreateTensorAsOrtValue, 48, Status*, (Allocator*, const std::int64_t* dims, std::size_t rank, int type, Value**))  \
  X(CreateTensorWithDataAsOrtValue, 49, Status*,                                                                       \
    (const MemoryInfo*, void* data, std::size_t bytes, const std::int64_t* dims, std::size_t rank, int type, Value**)) \
  X(IsTensor, 50, Status*, (const Value*, int*))                                                                       \
  X(GetTensorMutableData, 51, Status*, (Value*, void**))                                                               \
  X(GetStringTensorDataLength, 53, Status*, (const Value*, std::size_t* bytes))                                        \
  X(GetStringTensorContent, 54, Status*,                                                                               \
    (const Value*, void* text, std::size_t bytes, std::size_t* offsets, std::size_t count))                            \
  X(CastTypeInfoToTensorInfo, 55, Status*, (const TypeInfo*, const TensorTypeInfo**))                                  \
  X(GetOnnxTypeFromTypeInfo, 56, Status*, (const TypeInfo*, int*))                                                     \
  X(GetTensorElementType, 60, Status*, (const TensorTypeInfo*, int*))                                                  \
  X(GetDimensionsCount, 61, Status*, (const TensorTypeInfo*, std::size_t*))                                            \
  X(GetDimensions, 62, Status*, (const TensorTypeInfo*, std::int64_t*, std::size_t))                                   \
  X(GetSymbolicDimensions, 63, Status*, (const TensorTypeInfo*, const char**, std::size_t))                            \
  X(GetTensorTypeAndShape, 65, Status*, (const Value*, TensorTypeInfo**))                                              \
  X(CreateCpuMemoryInfo, 69, Status*, (int allocator_type, int mem_type, MemoryInfo**))                                \
  X(AllocatorFree, 76, Status*, (Allocator*, void*))                                                                   \
  X(GetAllocatorWithDefaultOptions, 78, Status*, (Allocator**))                                                        \
  X(ReleaseEnv, 92, void, (Env*))                                                                                      \
  X(ReleaseStatus, 93, void, (Status*))                                                                                \
  X(ReleaseMemoryInfo, 94, void, (MemoryInfo*))                                                                        \
  X(ReleaseSession, 95, void, (Session*))                                                                              \
  X(ReleaseValue, 96, void, (Value*))                                                                                  \
  X(ReleaseRunOptions, 97, void, (RunOptions*))                                                                        \
  X(ReleaseTypeInfo, 98, void, (TypeInfo*))                                                                            \
  X(ReleaseTensorTypeAndShapeInfo, 99, void, (TensorTypeInfo*))                                                        \
  X(ReleaseSessionOptions, 100, void, (SessionOptions*))                                                               \
  X(AddSessionConfigEntry, 130, Status*, (SessionOptions*, const char* key, const char* value))                        \
  X(SessionOptionsSetCustomCreateThreadFn, 196, Status*, (SessionOptions*, CreateThread))                              \
  X(SessionOptionsSetCustomThreadCreationOptions, 197, Status*, (SessionOptions*, void*))                              \
  X(SessionOptionsSetCustomJoinThreadFn, 198, Status*, (SessionOptions*, JoinThread))                                  \
  X(SessionOptionsAppendCudaProvider, 204, Status*, (SessionOptions*, const CudaProviderOptions*))                     \
  X(CreateCudaProviderOptions, 205, Status*, (CudaProviderOptions**))                                                  \
  X(UpdateCudaProviderOptions, 206, Status*,                                                                           \
    (CudaProviderOptions*, const char* const* keys, const char* const* values, std::size_t count))                     \
  X(ReleaseCudaProviderOptions, 208, void, (CudaProviderOptions*))                                                     \
  X(GetResizedStringTensorElementBuffer, 252, Status*, (Value*, std::size_t index, std::size_t bytes, char** text))

struct Api {
// NOLINTNEXTLINE(bugprone-macro-parentheses): names and types cannot stand in parentheses
#define TENSORLANE_ORT_MEMBER(name, slot, result, arguments) result(*name) arguments = nullptr;
  TENSORLANE_ORT_FUNCTIONS(TENSORLANE_ORT_MEMBER)
#undef TENSORLANE_ORT_MEMBER
};

// ONNX Runtime as this process has it: opened once, kept until the process ends.
class Runtime {
 public:
  // Opens the library at `path` the first time; later calls return the same runtime, whatever path they give, because a
  // process holds one ONNX Runtime. Errors: NoRuntime, with the path and the loader's reason.
  static const Runtime& open(const std::string& path);

  Api api;
  std::string version;
  std::string path;
  Env* env = nullptr;
  MemoryInfo* host_memory = nullptr;
  Allocator* allocator = nullptr;

  // Throws the status as an Error with code Model, `doing` before its message, and releases it. Null is success.
  void check(Status* status, const char* doing) const;

 private:
  explicit Runtime(const std::string& path);
};

// unique_ptr for the runtime's objects: Owned<Value, &Api::ReleaseValue>.
template <typename T, void (*Api::*Release)(T*)>
class Owned {
 public:
  explicit Owned(const Api& api, T* object = nullptr) : api_(&api), object_(object) {}
  Owned(Owned&& other) noexcept : api_(other.api_), object_(other.object_) { other.object_ = nullptr; }
  Owned& operator=(Owned&& other) noexcept {
    if (this != &other) {
      reset();
      api_ = other.api_;
      object_ = other.object_;
      other.object_ = nullptr;
    }
    return *this;
  }
  Owned(const Owned&) = delete;
  Owned& operator=(const Owned&) = delete;
  ~Owned() { reset(); }

  void reset() noexcept {
    if (object_ != nullptr) (api_->*Release)(object_);
    object_ = nullptr;
  }
  [[nodiscard]] T* get() const noexcept { return object_; }
  // For the API's out parameters.
  [[nodiscard]] T** out() noexcept {
    reset();
    return &object_;
  }

 private:
  const Api* api_;
  T* object_;
};

using OwnedSession = Owned<Session, &Api::ReleaseSession>;
using OwnedSessionOptions = Owned<SessionOptions, &Api::ReleaseSessionOptions>;
using OwnedRunOptions = Owned<RunOptions, &Api::ReleaseRunOptions>;
using OwnedValue = Owned<Value, &Api::ReleaseValue>;
using OwnedCudaProviderOptions = Owned<CudaProviderOptions, &Api::ReleaseCudaProviderOptions>;
using OwnedTypeInfo = Owned<TypeInfo, &Api::ReleaseTypeInfo>;
using OwnedTensorTypeInfo = Owned<TensorTypeInfo, &Api::ReleaseTensorTypeAndShapeInfo>;

}  // namespace tensorlane::ort
