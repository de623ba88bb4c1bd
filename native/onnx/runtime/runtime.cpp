#include "onnx/runtime/runtime.h"

#include <dlfcn.h>

#include <algorithm>
#include <array>
#include <cstdio>
#include <cstdlib>
#include <mutex>
#include <string>

#include "core/error.h"
#include "core/process_exit.h"
#include "onnx/threads/shared_threads.h"

namespace tensorlane::ort {
namespace {

// OrtApiBase: all that a program may assume of the library before it has asked for a version of the API.
struct ApiBase {
  const void* (*get_api)(std::uint32_t version);
  const char* (*get_version_string)();
};

// The minor number of the library's version is that of its newest API, which it complains on stderr to be asked beyond.
std::uint32_t newest_api(const std::string& version) {
  unsigned minor = 0;
  return std::sscanf(version.c_str(), "1.%u", &minor) == 1 ? minor : kApiVersion;
}

// Of memory that there is not, the runtime has words only: those of its arena, of what asks plugins' allocators, of its mapping of
// files, and of the language.
bool tells_of_memory(const std::string& message) {
  constexpr std::array kWords{"Failed to allocate memory", "Allocation failed", "is smaller than requested bytes",
                              "bad_alloc", "bad allocation"};
  return std::ranges::any_of(kWords, [&](const char* words) { return message.find(words) != std::string::npos; });
}

}  // namespace

Runtime::Runtime(const std::string& library, int niceness) : path(library) {
  // Never closed.
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
  api = read_table(table, library, newest_api(version));
  const Attempt starting(*this, "starting ONNX Runtime");
  // Errors come back as statuses and are thrown; the runtime's own log would only repeat them on stderr.
  shared_threads = SharedThreads::make(*this, niceness);
  // Since 1.29 the library reports each session to its maker, and keeps some kilobytes of every report for ever.
  starting(api.DisableTelemetryEvents(env));
  starting(api.CreateCpuMemoryInfo(kArenaAllocator, kMemTypeDefault, &host_memory));
  starting(api.GetAllocatorWithDefaultOptions(&allocator));
  // The runtime's destructors join its threads, which are not to be parked then.
  static SharedThreads* parked = shared_threads.get();
  if (parked != nullptr) std::atexit([] { parked->close(); });
}

const Runtime& Runtime::open(const std::string& path, int niceness) {
  static std::mutex mutex;                  // guards `runtime`
  static const Runtime* runtime = nullptr;  // never destroyed
  const std::lock_guard lock(mutex);
  if (runtime == nullptr) runtime = new Runtime(path, niceness);
  return *runtime;
}

void Runtime::fail(Status* status, const char* doing) const {
  const std::string message = api.GetErrorMessage(status);
  const bool missing = api.GetErrorCode(status) == kNoSuchFile;
  api.ReleaseStatus(status);
  const Code code = tells_of_memory(message) ? Code::OutOfMemory : Code::Model;
  throw Error(code, std::string(doing) + ": " + (missing ? "no such file: " : "") + message, message);
}

}  // namespace tensorlane::ort
