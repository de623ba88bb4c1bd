// ONNX Runtime's C API as a struct of functions, and owners of the objects that it makes.
#pragma once

#include <cstdint>
#include <string>

#include "onnx/runtime/ort_functions.h"

namespace tensorlane::ort {

struct Api {
// NOLINTNEXTLINE(bugprone-macro-parentheses): names and types cannot stand in parentheses
#define TENSORLANE_ORT_MEMBER(name, slot, since, result, arguments) result(*name) arguments = nullptr;
  TENSORLANE_ORT_FUNCTIONS(TENSORLANE_ORT_MEMBER)
  TENSORLANE_ORT_LATER_FUNCTIONS(TENSORLANE_ORT_MEMBER)
#undef TENSORLANE_ORT_MEMBER
};

// `table` is what GetApi(kApiVersion) of `library` gave, whose newest version is `newest`. Errors: NoRuntime, naming a function that
// it lacks.
Api read_table(const void* table, const std::string& library, std::uint32_t newest = kApiVersion);

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
using OwnedCudaProviderOptions = Owned<CudaProviderOptions, &Api::ReleaseCUDAProviderOptions>;
using OwnedThreadingOptions = Owned<ThreadingOptions, &Api::ReleaseThreadingOptions>;
using OwnedIoBinding = Owned<IoBinding, &Api::ReleaseIoBinding>;
using OwnedCustomOpDomain = Owned<CustomOpDomain, &Api::ReleaseCustomOpDomain>;
using OwnedTypeInfo = Owned<TypeInfo, &Api::ReleaseTypeInfo>;
using OwnedTensorTypeInfo = Owned<TensorTypeInfo, &Api::ReleaseTensorTypeAndShapeInfo>;

}  // namespace tensorlane::ort
