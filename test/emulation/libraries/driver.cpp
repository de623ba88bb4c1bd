// The emulated driver: modules, which are shared objects that the emulated NVRTC made, and launches of their kernels.
#include <cuda.h>
#include <dlfcn.h>
#include <elf.h>
#include <stdlib.h>
#include <unistd.h>

#include <cstring>
#include <filesystem>
#include <map>
#include <memory>
#include <mutex>

#include "emulated_launch.h"
#include "libraries/call.h"
#include "libraries/nvrtc_source.h"

using namespace emulation::libraries;

namespace {

using Binder = std::function<void()>* (*)(void** arguments);
using Describer = bool (*)(std::size_t index, std::size_t* offset, std::size_t* size);

// Stays loaded as long as a launch of its kernels has not ended.
struct Loaded {
  void* library = nullptr;
  std::size_t shared_bytes = 0;  // __shared__ variables, of all its kernels together
  Loaded() = default;
  ~Loaded() {
    if (library != nullptr) dlclose(library);
  }
  Loaded(const Loaded&) = delete;
  Loaded& operator=(const Loaded&) = delete;
};

// A kernel that is bound to its arguments. `run` is code of the module, so it goes first.
struct Launch {
  std::shared_ptr<Loaded> module;
  std::unique_ptr<std::function<void()>> run;
};

}  // namespace

struct CUfunc_st {
  std::shared_ptr<Loaded> module;
  Binder bind = nullptr;
  Describer describe = nullptr;
};

struct CUmod_st {
  std::shared_ptr<Loaded> loaded = std::make_shared<Loaded>();
  std::mutex mutex;
  std::map<std::string, CUfunc_st> functions;
};

namespace {

CUresult result_of(cudaError_t error) {
  switch (error) {
    case cudaErrorInvalidConfiguration:
      return CUDA_ERROR_INVALID_VALUE;
    case cudaErrorInvalidDeviceFunction:
      return CUDA_ERROR_INVALID_HANDLE;
    case cudaErrorInsufficientDriver:
      return CUDA_ERROR_SYSTEM_NOT_READY;
    default:
      return static_cast<CUresult>(error);  // the two have the same numbers
  }
}

// The address is all that a context is.
struct Context {
  int device;
};
constexpr Context kContexts[emulation::kMaxDevices] = {{0}, {1}, {2}, {3}, {4}, {5}, {6}, {7}};

template <typename Body>
CUresult run(const char* name, const Body& body, cudaError_t (*fault)(const char*) = emulation::fault) noexcept {
  const cudaError_t planned = fault(name);
  if (planned != cudaSuccess) return result_of(planned);
  try {
    return body();
  } catch (const std::bad_alloc&) {
    return CUDA_ERROR_OUT_OF_MEMORY;
  } catch (const std::exception& error) {
    complain(name, error.what());
    return CUDA_ERROR_UNKNOWN;
  }
}

// An image comes without its size; a shared object ends with its section headers.
std::size_t size_of(const void* image) {
  Elf64_Ehdr header;
  std::memcpy(&header, image, SELFMAG);
  if (std::memcmp(&header, ELFMAG, SELFMAG) != 0) return 0;
  std::memcpy(&header, image, sizeof header);
  return header.e_shoff + std::size_t{header.e_shnum} * header.e_shentsize;
}

// __shared__ variables are the image's thread-local ones.
std::size_t shared_bytes_of(const void* image) {
  const char* const bytes = static_cast<const char*>(image);
  Elf64_Ehdr header;
  std::memcpy(&header, bytes, sizeof header);
  for (std::size_t i = 0; i < header.e_phnum; ++i) {
    Elf64_Phdr segment;
    std::memcpy(&segment, bytes + header.e_phoff + i * header.e_phentsize, sizeof segment);
    if (segment.p_type == PT_TLS) return segment.p_memsz;
  }
  return 0;
}

// From a file of its own: the loader takes a path that it knows, or a file that it has, for what it has loaded already.
void* open_image(const void* image, std::size_t bytes) {
  std::string path = (std::filesystem::temp_directory_path() / "emulated-cubin-XXXXXX").string();
  const int file = mkstemp(path.data());
  if (file < 0) return nullptr;
  const char* from = static_cast<const char*>(image);
  while (bytes > 0) {
    const ssize_t written = write(file, from, bytes);
    if (written <= 0) break;
    from += written;
    bytes -= static_cast<std::size_t>(written);
  }
  close(file);
  void* const library = bytes == 0 ? dlopen(path.c_str(), RTLD_NOW | RTLD_LOCAL) : nullptr;
  if (library == nullptr) complain("cuModuleLoadData", bytes == 0 ? dlerror() : "no room for the module");
  unlink(path.c_str());
  return library;
}

}  // namespace

extern "C" {

CUresult cuGetErrorString(CUresult error, const char** pStr) {
  if (pStr == nullptr) return CUDA_ERROR_INVALID_VALUE;
  *pStr = cudaGetErrorString(static_cast<cudaError_t>(error));
  return CUDA_SUCCESS;
}

CUresult cuModuleLoadData(CUmodule* module, const void* image) {
  return run("cuModuleLoadData", [&] {
    if (module == nullptr || image == nullptr) return CUDA_ERROR_INVALID_VALUE;
    const std::size_t bytes = size_of(image);
    if (bytes == 0) return CUDA_ERROR_INVALID_IMAGE;
    auto created = std::make_unique<CUmod_st>();
    created->loaded->library = open_image(image, bytes);
    if (created->loaded->library == nullptr) return CUDA_ERROR_INVALID_IMAGE;
    created->loaded->shared_bytes = shared_bytes_of(image);
    *module = created.release();
    return CUDA_SUCCESS;
  });
}

CUresult cuModuleUnload(CUmodule hmod) {
  return run("cuModuleUnload", [&] {
    if (hmod == nullptr) return CUDA_ERROR_INVALID_HANDLE;
    delete hmod;
    return CUDA_SUCCESS;
  });
}

CUresult cuModuleGetFunction(CUfunction* hfunc, CUmodule hmod, const char* name) {
  return run("cuModuleGetFunction", [&] {
    if (hfunc == nullptr || name == nullptr) return CUDA_ERROR_INVALID_VALUE;
    if (hmod == nullptr) return CUDA_ERROR_INVALID_HANDLE;
    void* const symbol = dlsym(hmod->loaded->library, binder_symbol(name).c_str());
    if (symbol == nullptr) return CUDA_ERROR_NOT_FOUND;
    const std::lock_guard lock(hmod->mutex);
    CUfunc_st& function = hmod->functions[name];
    function.module = hmod->loaded;
    function.bind = reinterpret_cast<Binder>(symbol);
    function.describe = reinterpret_cast<Describer>(dlsym(hmod->loaded->library, describer_symbol(name).c_str()));
    *hfunc = &function;
    return CUDA_SUCCESS;
  });
}

CUresult cuCtxGetCurrent(CUcontext* pctx) {
  const auto body = [&] {
    if (pctx == nullptr) return CUDA_ERROR_INVALID_VALUE;
    const int device = emulation::current_context();
    *pctx = device < 0 ? nullptr : reinterpret_cast<CUcontext>(const_cast<Context*>(&kContexts[device]));
    return CUDA_SUCCESS;
  };
  return run("cuCtxGetCurrent", body, emulation::planned_fault);
}

CUresult cuCtxSetCurrent(CUcontext ctx) {
  const auto body = [&] {
    emulation::set_current_context(ctx == nullptr ? -1 : reinterpret_cast<const Context*>(ctx)->device);
    return CUDA_SUCCESS;
  };
  return run("cuCtxSetCurrent", body, emulation::planned_fault);
}

CUresult cuFuncGetAttribute(int* pi, CUfunction_attribute attrib, CUfunction hfunc) {
  return run("cuFuncGetAttribute", [&] {
    if (hfunc == nullptr) return CUDA_ERROR_INVALID_HANDLE;
    if (pi == nullptr || attrib != CU_FUNC_ATTRIBUTE_SHARED_SIZE_BYTES) return CUDA_ERROR_INVALID_VALUE;
    *pi = static_cast<int>(hfunc->module->shared_bytes);
    return CUDA_SUCCESS;
  });
}

CUresult cuFuncGetParamInfo(CUfunction func, size_t paramIndex, size_t* paramOffset, size_t* paramSize) {
  return run("cuFuncGetParamInfo", [&] {
    if (func == nullptr) return CUDA_ERROR_INVALID_HANDLE;
    if (paramOffset == nullptr) return CUDA_ERROR_INVALID_VALUE;
    std::size_t size = 0;
    if (!func->describe(paramIndex, paramOffset, &size)) return CUDA_ERROR_INVALID_VALUE;
    if (paramSize != nullptr) *paramSize = size;
    return CUDA_SUCCESS;
  });
}

CUresult cuFuncSetAttribute(CUfunction hfunc, CUfunction_attribute attrib, int value) {
  return run("cuFuncSetAttribute", [&] {
    if (hfunc == nullptr) return CUDA_ERROR_INVALID_HANDLE;
    if (attrib == CU_FUNC_ATTRIBUTE_PREFERRED_SHARED_MEMORY_CARVEOUT) return CUDA_SUCCESS;
    if (attrib != CU_FUNC_ATTRIBUTE_MAX_DYNAMIC_SHARED_SIZE_BYTES) return CUDA_ERROR_INVALID_VALUE;
    return result_of(cudaFuncSetAttribute(reinterpret_cast<const void*>(hfunc->bind),
                                          cudaFuncAttributeMaxDynamicSharedMemorySize, value));
  });
}

CUresult cuLaunchKernel(CUfunction f, unsigned int gridDimX, unsigned int gridDimY, unsigned int gridDimZ,
                        unsigned int blockDimX, unsigned int blockDimY, unsigned int blockDimZ,
                        unsigned int sharedMemBytes, CUstream hStream, void** kernelParams, void** extra) {
  return run("cuLaunchKernel", [&] {
    if (f == nullptr) return CUDA_ERROR_INVALID_HANDLE;
    if (extra != nullptr) return CUDA_ERROR_NOT_SUPPORTED;
    auto launch = std::make_shared<Launch>();
    launch->module = f->module;
    launch->run.reset(f->bind(kernelParams));
    cudaLaunchConfig_t config{};
    config.gridDim = {gridDimX, gridDimY, gridDimZ};
    config.blockDim = {blockDimX, blockDimY, blockDimZ};
    config.dynamicSmemBytes = sharedMemBytes;
    config.stream = hStream;
    emulation::KernelCall call;
    call.function = reinterpret_cast<const void*>(f->bind);
    call.body = [launch = std::move(launch)] { (*launch->run)(); };
    return result_of(emulation::launch_kernel(config, std::move(call)));
  });
}
}
