#include "onnx/ort_api.h"

#include <dlfcn.h>

#include <mutex>

#include "core/error.h"
#include "core/process_exit.h"

namespace tensorlane::ort {
namespace {

// OrtApiBase: all that a program may assume of the library before it has asked for a version of the API.
struct ApiBase {
  const void* (*get_api)(std::uint32_t version);
  const char* (*get_version_string)();
};

Api read_table(const void* table) {
  const auto* slots = static_cast<void* const*>(table);
  Api api;
#define TENSORLANE_ORT_READ(name, slot, result, arguments) api.name = reinterpret_cast<decltype(api.name)>(slots[slot]);
  TENSORLANE_ORT_FUNCTIONS(TENSORLANE_ORT_READ)
#undef TENSORLANE_ORT_READ
  return api;
}

}  // namespace

Runtime::Runtime(const std::string& library) : path(library) {
  // Never closed: its threads and static objects live as long as the process does.
  void* handle = dlopen(library.c_str(), RTLD_NOW | RTLD_LOCAL);
  if (handle == nullptr) {
    const char* reason = dlerror();
    throw Error(Code::NoRuntime,
                "ONNX Runtime's shared library could not be opened: " +
                    std::string(reason == nullptr ? "unknown reason" : reason) +
                    ". Install the package onnxruntime-node, or name the library in the environment variable "
                    "TENSORLANE_ONNXRUNTIME or in open({ onnxruntime })");
  }
  guard_process_exit();
  auto get_base = reinterpret_cast<const ApiBase* (*)()>(dlsym(handle, "OrtGetApiBase"));
  const ApiBase* base = get_base == nullptr ? nullptr : get_base();
  if (base == nullptr)
    throw Error(Code::NoRuntime, library + " is not an ONNX Runtime library: it has no OrtGetApiBase");
  version = base->get_version_string();
  const void* table = base->get_api(kApiVersion);
  if (table == nullptr) {
    throw Error(Code::NoRuntime, "ONNX Runtime " + version + " at " + library + " is too old: 1.21 or later is needed");
  }
  api = read_table(table);
  // Errors come back as statuses and are thrown; the runtime's own log would only repeat them on stderr.
  check(api.CreateEnv(kLogFatal, "tensorlane", &env), "starting ONNX Runtime");
  // Since 1.29 the library reports each session to its maker, and keeps some kilobytes of every report for ever.
  check(api.DisableTelemetryEvents(env), "starting ONNX Runtime");
  check(api.CreateCpuMemoryInfo(kArenaAllocator, kMemTypeDefault, &host_memory), "starting ONNX Runtime");
  check(api.GetAllocatorWithDefaultOptions(&allocator), "starting ONNX Runtime");
}

const Runtime& Runtime::open(const std::string& path) {
  static std::mutex mutex;
  static const Runtime* runtime = nullptr;  // never destroyed, for the reason above
  const std::lock_guard lock(mutex);
  if (runtime == nullptr) runtime = new Runtime(path);
  return *runtime;
}

void Runtime::check(Status* status, const char* doing) const {
  if (status == nullptr) return;
  const std::string message = api.GetErrorMessage(status);
  const bool missing = api.GetErrorCode(status) == kNoSuchFile;
  api.ReleaseStatus(status);
  throw Error(Code::Model, std::string(doing) + ": " + (missing ? "no such file: " : "") + message);
}

}  // namespace tensorlane::ort
