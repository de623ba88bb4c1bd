#include "cuda/libraries/compile.h"

#include <algorithm>
#include <filesystem>
#include <system_error>

#include "core/error.h"
#include "cuda/libraries/libraries.h"

namespace tensorlane::cuda {
namespace {

void check_nvrtc(nvrtcResult result, const char* what) {
  if (result == NVRTC_SUCCESS) return;
  const Code code = result == NVRTC_ERROR_OUT_OF_MEMORY ? Code::OutOfMemory : Code::Kernel;
  throw Error(code, std::string(what) + ": " + nvrtc().nvrtcGetErrorString(result));
}

// NVRTC knows CUDA's own functions; cuda_fp16.h and the like lie near the library: in the toolkit, in pip's packages
// for CUDA 13 and 12, in the folders of a distribution.
std::vector<std::string> header_folders() {
  namespace fs = std::filesystem;
  std::vector<std::string> folders;
  for (const fs::path library : nvrtc_folders()) {
    for (const char* near : {"../include", "../../cuda_runtime/include", "../../../include", "../../include"}) {
      std::error_code error;
      if (fs::exists(library / near / "cuda_fp16.h", error)) folders.push_back((library / near).string());
    }
  }
  return folders;
}

class Program {
 public:
  explicit Program(const std::string& source) {
    check_nvrtc(nvrtc().nvrtcCreateProgram(&program_, source.c_str(), "kernel.cu", 0, nullptr, nullptr),
                "nvrtcCreateProgram");
  }
  ~Program() { nvrtc().nvrtcDestroyProgram(&program_); }
  Program(const Program&) = delete;
  Program& operator=(const Program&) = delete;

  void compile(const std::string& name, const std::vector<std::string>& options) {
    check_nvrtc(nvrtc().nvrtcAddNameExpression(program_, name.c_str()), "nvrtcAddNameExpression");
    std::vector<const char*> texts;
    texts.reserve(options.size());
    for (const std::string& option : options) texts.push_back(option.c_str());
    const nvrtcResult result = nvrtc().nvrtcCompileProgram(program_, static_cast<int>(texts.size()), texts.data());
    if (result == NVRTC_SUCCESS) return;
    if (result == NVRTC_ERROR_OUT_OF_MEMORY) check_nvrtc(result, "nvrtcCompileProgram");
    // No kernel is to blame when a part of the compiler is missing.
    if (result == NVRTC_ERROR_BUILTIN_OPERATION_FAILURE) {
      throw Error(Code::NoRuntime,
                  "NVRTC, CUDA's compiler, cannot open its own built-in functions. Install it whole: " +
                      nvrtc_remedy() + ". " + log());
    }
    throw Error(Code::Kernel, "the kernel '" + name +
                                  "' could not be compiled: " + nvrtc().nvrtcGetErrorString(result) + "\n" + log());
  }

  [[nodiscard]] std::string lowered(const std::string& name) const {
    const char* lowered = nullptr;
    const nvrtcResult result = nvrtc().nvrtcGetLoweredName(program_, name.c_str(), &lowered);
    if (result == NVRTC_SUCCESS && lowered != nullptr) return lowered;
    throw Error(Code::Kernel,
                "the source has no kernel '" + name +
                    "'. Give its name as C++ would refer to it, such as scale, mine::scale or scale<float>");
  }

  [[nodiscard]] std::string cubin() const {
    std::size_t bytes = 0;
    check_nvrtc(nvrtc().nvrtcGetCUBINSize(program_, &bytes), "nvrtcGetCUBINSize");
    std::string cubin(bytes, '\0');
    check_nvrtc(nvrtc().nvrtcGetCUBIN(program_, cubin.data()), "nvrtcGetCUBIN");
    return cubin;
  }

 private:
  [[nodiscard]] std::string log() const {
    std::size_t bytes = 0;
    if (nvrtc().nvrtcGetProgramLogSize(program_, &bytes) != NVRTC_SUCCESS || bytes == 0) return {};
    std::string log(bytes, '\0');
    if (nvrtc().nvrtcGetProgramLog(program_, log.data()) != NVRTC_SUCCESS) return {};
    log.resize(std::min(log.find('\0'), log.size()));
    return log;
  }

  nvrtcProgram program_ = nullptr;
};

}  // namespace

CompiledKernel compile_kernel(const std::string& source, const std::string& name, const std::string& architecture,
                              const std::vector<std::string>& options) {
  std::vector<std::string> all = {"--gpu-architecture=" + architecture};
  // NVRTC of CUDA 12 refuses to be told twice.
  const auto is_standard = [](const std::string& option) {
    return option.starts_with("-std") || option.starts_with("--std");
  };
  if (std::ranges::none_of(options, is_standard)) all.emplace_back("-std=c++17");
  for (const std::string& folder : header_folders()) all.push_back("-I" + folder);
  all.insert(all.end(), options.begin(), options.end());
  Program program(source);
  program.compile(name, all);
  return {program.cubin(), program.lowered(name)};
}

}  // namespace tensorlane::cuda
