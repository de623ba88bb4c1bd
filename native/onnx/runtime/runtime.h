// ONNX Runtime as this process has it: its library opened once, and kept until the process ends, because its threads
// and static objects live as long as that.
#pragma once

#include <memory>
#include <string>

#include "onnx/runtime/ort_api.h"

namespace tensorlane {
class SharedThreads;
}

namespace tensorlane::ort {

class Runtime {
 public:
  // Opens the library at `path` the first time; later calls return the same runtime, whatever path they give, because a
  // process holds one ONNX Runtime. The threads that its sessions share stand back by the first call's `niceness`. From any
  // thread. Errors: NoRuntime, with the path and the loader's reason.
  static const Runtime& open(const std::string& path, int niceness = 0);
  ~Runtime() = delete;

  // Nothing below changes any more, so any number of threads may use it.
  Api api;
  std::string version;
  std::string path;
  Env* env = nullptr;
  MemoryInfo* host_memory = nullptr;
  Allocator* allocator = nullptr;                 // of host memory
  std::unique_ptr<SharedThreads> shared_threads;  // null: each session has its own

 private:
  friend class Attempt;

  Runtime(const std::string& path, int niceness);
  [[noreturn]] void fail(Status* status, const char* doing) const;
};

// Calls to the API, all of them for one purpose, which the error of a failed one begins with:
//   const Attempt loading(runtime, "loading the model");
//   loading(runtime.api.CreateSession(...));
class Attempt {
 public:
  Attempt(const Runtime& runtime, const char* doing) : runtime_(runtime), doing_(doing) {}

  // Releases the status. Errors: Model or OutOfMemory, where it is one of failure (null is success).
  void operator()(Status* status) const {
    if (status != nullptr) runtime_.fail(status, doing_);
  }

 private:
  const Runtime& runtime_;
  const char* doing_;
};

// What several places attempt.
inline constexpr const char* kRunning = "running the model";

}  // namespace tensorlane::ort
