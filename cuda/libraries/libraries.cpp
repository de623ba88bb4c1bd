#include "cuda/libraries/libraries.h"

#include <cuda_runtime_api.h>
#include <dlfcn.h>

#include <exception>
#include <vector>

#include "core/error.h"
#include "cuda/libraries/search.h"

namespace tensorlane::cuda {
namespace {

constexpr int kMajor = CUDART_VERSION / 1000;
static_assert(kMajor == 12 || kMajor == 13, "the sonames below are those of CUDA 12 and 13");

std::string soname(const char* name, int of_12, int of_13) {
  return std::string("lib") + name + ".so." + std::to_string(kMajor == 12 ? of_12 : of_13);
}

LibraryName cublas_lt_name() { return {soname("cublasLt", 12, 13), "cublas"}; }
LibraryName cublas_name() { return {soname("cublas", 12, 13), "cublas"}; }
LibraryName cusolver_name() { return {soname("cusolver", 11, 12), "cusolver"}; }
LibraryName cusparse_name() { return {soname("cusparse", 12, 12), "cusparse"}; }
LibraryName nvjitlink_name() { return {soname("nvJitLink", 12, 13), "nvjitlink"}; }
LibraryName nvrtc_name() { return {soname("nvrtc", 12, 13), "cuda_nvrtc"}; }

// pip's name for a package of CUDA's.
std::string package(const char* name) { return std::string("nvidia-") + name + (kMajor == 12 ? "-cu12" : ""); }

std::string toolkit_remedy(const std::string& packages) {
  return "`npx tensorlane setup cuda`, `pip install " + packages + "`, or CUDA " + std::to_string(kMajor) +
         "'s runtime libraries from the distribution, or name their folder in TENSORLANE_CUDA_LIBRARIES";
}

std::string algebra_remedy() { return toolkit_remedy(package("cublas") + " " + package("cusolver")); }

template <typename Function>
void resolve(void* handle, const char* name, Function& function, std::string& missing) {
  function = reinterpret_cast<Function>(dlsym(handle, name));
  if (function == nullptr) missing += std::string(missing.empty() ? "" : ", ") + name;
}

#define TENSORLANE_RESOLVE(name) resolve(handle, #name, table.name, missing);
#define TENSORLANE_RESOLVE_OPTIONAL(name) resolve(handle, #name, table.name, optional);

void resolve_all(void* handle, Cublas& table, std::string& missing) { TENSORLANE_CUBLAS_FUNCTIONS(TENSORLANE_RESOLVE) }
void resolve_all(void* handle, CublasLt& table, std::string& missing) {
  TENSORLANE_CUBLAS_LT_FUNCTIONS(TENSORLANE_RESOLVE)
}
void resolve_all(void* handle, Cusolver& table, std::string& missing) {
  TENSORLANE_CUSOLVER_FUNCTIONS(TENSORLANE_RESOLVE)
  [[maybe_unused]] std::string optional;
  TENSORLANE_CUSOLVER_OPTIONAL_FUNCTIONS(TENSORLANE_RESOLVE_OPTIONAL)
}
void resolve_all(void* handle, Nvrtc& table, std::string& missing) { TENSORLANE_NVRTC_FUNCTIONS(TENSORLANE_RESOLVE) }
void resolve_all(void* handle, Driver& table, std::string& missing) {
  TENSORLANE_DRIVER_FUNCTIONS(TENSORLANE_RESOLVE)
  [[maybe_unused]] std::string optional;
  TENSORLANE_RESOLVE_OPTIONAL(cuFuncGetParamInfo)
}

#undef TENSORLANE_RESOLVE
#undef TENSORLANE_RESOLVE_OPTIONAL

// One library: its functions, or why there are none. C++ makes the static ones below once a process, whichever threads
// ask first, so that no lock is needed.
template <typename Table>
class Library {
 public:
  Library(const char* title, const LibraryName& name, const std::vector<LibraryName>& needs,
          const std::string& remedy) {
    Places places = Places::of_process();
    places.cuda_major = kMajor;
    std::vector<Attempt> attempts;
    const Opened opened = find_library(places, name, needs, attempts);
    std::string missing;
    if (opened.handle != nullptr) resolve_all(opened.handle, table_, missing);
    handle_ = opened.handle;
    if (opened.handle == nullptr) {
      failure_ = std::string(title) + " (" + name.soname + ") was not found. Install it: " + remedy + ". " +
                 describe(attempts);
    } else if (!missing.empty()) {
      failure_ = std::string(title) + " (" + opened.path + ") is not the one that is needed: it has no " + missing +
                 ". Install a newer one: " + remedy;
    }
  }

  [[nodiscard]] const Table& get() const {
    if (!failure_.empty()) throw Error(Code::NoRuntime, failure_);
    return table_;
  }
  [[nodiscard]] void* handle() const { return handle_; }  // null: it was not found

 private:
  Table table_;
  void* handle_ = nullptr;
  std::string failure_;
};

// NVRTC, the folders near which its headers lie, and the remedy for what it lacks.
struct NvrtcLibrary {
  NvrtcLibrary()
      : remedy(toolkit_remedy(package("cuda-nvrtc"))), library("NVRTC, CUDA's compiler", nvrtc_name(), {}, remedy) {
    if (library.handle() == nullptr) return;
    folders = folders_of(library.handle());
    // It opens its other half by name when it first compiles. pip's does not look beside itself (it has no RUNPATH), so
    // that has to be open by then. Where there is none, the loader may know one, else NVRTC says what it misses.
    open_beside(folders, "libnvrtc-builtins.so." + std::to_string(kMajor) + ".");
  }

  std::string remedy;
  Library<Nvrtc> library;
  std::vector<std::string> folders;
};

const NvrtcLibrary& nvrtc_library() {
  static const auto* library = new NvrtcLibrary;
  return *library;
}

std::string version_text(std::size_t version, std::size_t major_unit) {
  return std::to_string(version / major_unit) + "." + std::to_string(version % major_unit / 100) + "." +
         std::to_string(version % 100);
}

}  // namespace

// Never destroyed: lanes may outlive static destructors.
const Cublas& cublas() {
  static const auto* library = new Library<Cublas>("cuBLAS", cublas_name(), {cublas_lt_name()}, algebra_remedy());
  return library->get();
}

const CublasLt& cublas_lt() {
  static const auto* library = new Library<CublasLt>("cuBLASLt", cublas_lt_name(), {}, algebra_remedy());
  return library->get();
}

const Cusolver& cusolver() {
  static const auto* library =
      new Library<Cusolver>("cuSOLVER", cusolver_name(),
                            {nvjitlink_name(), cusparse_name(), cublas_lt_name(), cublas_name()}, algebra_remedy());
  return library->get();
}

const Nvrtc& nvrtc() { return nvrtc_library().library.get(); }
const std::vector<std::string>& nvrtc_folders() { return nvrtc_library().folders; }
const std::string& nvrtc_remedy() { return nvrtc_library().remedy; }

const Driver& driver() {
  static const auto* library = new Library<Driver>("NVIDIA's driver", {"libcuda.so.1", ""}, {},
                                                   "with the distribution's package for the GPU's driver");
  return library->get();
}

std::string describe_algebra() noexcept {
  try {
    int cusolver_version = 0;
    check(cusolver().cusolverGetVersion(&cusolver_version), "cusolverGetVersion");
    static_cast<void>(cublas());
    return "cuSOLVER " + version_text(static_cast<std::size_t>(cusolver_version), 1000) + ", cuBLAS " +
           version_text(cublas_lt().cublasLtGetVersion(), 10000);
  } catch (const std::exception& error) {
    return std::string("none: ") + error.what();
  }
}

}  // namespace tensorlane::cuda
