// The emulated NVRTC. What it calls a cubin is a shared object, which the emulated driver loads. Like the real one it
// opens its built-in functions when it compiles, by name alone: from wherever the loader looks, or what is open
// already.
#include <dlfcn.h>
#include <nvrtc.h>

#include <map>
#include <memory>
#include <optional>

#include "libraries/call.h"
#include "libraries/nvrtc_build.h"
#include "libraries/nvrtc_source.h"

using namespace emulation::libraries;

struct _nvrtcProgram {
  std::string source;
  std::string name;
  std::vector<std::pair<std::string, std::string>> headers;
  std::vector<std::string> expressions;
  std::map<std::string, std::string> lowered;
  bool tried = false;
  bool compiled = false;
  bool machine_code = true;  // for a virtual architecture there is none
  std::string log;
  std::string cubin;
};

namespace {

nvrtcResult asked(const char* name) {
  switch (outcome_of(emulation::fault(name))) {
    case Outcome::Success:
      return NVRTC_SUCCESS;
    case Outcome::OutOfMemory:
      return NVRTC_ERROR_OUT_OF_MEMORY;
    case Outcome::InvalidValue:
      return NVRTC_ERROR_INVALID_INPUT;
    default:
      return NVRTC_ERROR_INTERNAL_ERROR;
  }
}

template <typename Body>
nvrtcResult run(const char* name, bool valid, const Body& body) noexcept {
  try {
    const nvrtcResult fault = asked(name);
    // The compiler itself does not need the device, so only what is planned for it makes it fail.
    if (fault != NVRTC_SUCCESS && !gives_back(name)) return fault;
    if (!valid) return NVRTC_ERROR_INVALID_INPUT;
    return body();
  } catch (const std::bad_alloc&) {
    return NVRTC_ERROR_OUT_OF_MEMORY;
  } catch (const std::exception& error) {
    complain(name, error.what());
    return NVRTC_ERROR_INTERNAL_ERROR;
  }
}

// The value of an option that starts with `prefix`; "-I" and the like may have it in the next argument.
std::optional<std::string> value_of(const std::string& option, const std::string& prefix, int& index, int count,
                                    const char* const* options) {
  if (option.rfind(prefix, 0) != 0) return std::nullopt;
  std::string value = option.substr(prefix.size());
  if (!value.empty()) return value;
  if (index + 1 < count) return std::string(options[++index]);
  return std::nullopt;
}

constexpr const char* kBuiltins = "libnvrtc-builtins.so.13.0";

bool has_builtins() { return dlopen(kBuiltins, RTLD_NOW | RTLD_LOCAL) != nullptr; }

// False for an option that the real one does not know.
bool take_options(_nvrtcProgram& program, int count, const char* const* options, std::vector<std::string>& result) {
  static constexpr const char* kIgnored[] = {"-std=",
                                             "--std=",
                                             "-default-device",
                                             "--device-as-default-execution-space",
                                             "-use_fast_math",
                                             "--use_fast_math",
                                             "--ftz",
                                             "-ftz",
                                             "--prec-",
                                             "--fmad",
                                             "-fmad",
                                             "--maxrregcount",
                                             "-lineinfo",
                                             "--generate-line-info",
                                             "-G",
                                             "--device-debug",
                                             "--extra-device-vectorization",
                                             "--dopt",
                                             "-w",
                                             "--disable-warnings",
                                             "--restrict",
                                             "--diag-suppress",
                                             "--minimal",
                                             "-minimal"};
  for (int i = 0; i < count; ++i) {
    const std::string option = options[i];
    std::optional<std::string> value;
    if ((value = value_of(option, "--gpu-architecture=", i, count, options)) ||
        (value = value_of(option, "-arch=", i, count, options))) {
      program.machine_code = value->rfind("sm_", 0) == 0;
      const std::size_t digits = value->find('_');
      if (digits == std::string::npos || (!program.machine_code && value->rfind("compute_", 0) != 0)) {
        program.log = "nvrtc: error: invalid value for --gpu-architecture (-arch)";
        return false;
      }
      result.push_back("-D__CUDA_ARCH__=" + std::to_string(std::atoi(value->c_str() + digits + 1) * 10));
    } else if ((value = value_of(option, "--define-macro=", i, count, options)) ||
               (value = value_of(option, "-D", i, count, options))) {
      result.push_back("-D" + *value);
    } else if ((value = value_of(option, "--include-path=", i, count, options)) ||
               (value = value_of(option, "-I", i, count, options))) {
      result.push_back("-I" + *value);
    } else {
      bool known = false;
      for (const char* ignored : kIgnored) known = known || option.rfind(ignored, 0) == 0;
      if (!known) {
        program.log = "nvrtc: error: unrecognized option " + option + " found";
        return false;
      }
    }
  }
  return true;
}

}  // namespace

extern "C" {

const char* nvrtcGetErrorString(nvrtcResult result) {
  switch (result) {
    case NVRTC_SUCCESS:
      return "NVRTC_SUCCESS";
    case NVRTC_ERROR_OUT_OF_MEMORY:
      return "NVRTC_ERROR_OUT_OF_MEMORY";
    case NVRTC_ERROR_INVALID_INPUT:
      return "NVRTC_ERROR_INVALID_INPUT";
    case NVRTC_ERROR_INVALID_PROGRAM:
      return "NVRTC_ERROR_INVALID_PROGRAM";
    case NVRTC_ERROR_INVALID_OPTION:
      return "NVRTC_ERROR_INVALID_OPTION";
    case NVRTC_ERROR_COMPILATION:
      return "NVRTC_ERROR_COMPILATION";
    case NVRTC_ERROR_BUILTIN_OPERATION_FAILURE:
      return "NVRTC_ERROR_BUILTIN_OPERATION_FAILURE";
    case NVRTC_ERROR_NO_NAME_EXPRESSIONS_AFTER_COMPILATION:
      return "NVRTC_ERROR_NO_NAME_EXPRESSIONS_AFTER_COMPILATION";
    case NVRTC_ERROR_NO_LOWERED_NAMES_BEFORE_COMPILATION:
      return "NVRTC_ERROR_NO_LOWERED_NAMES_BEFORE_COMPILATION";
    case NVRTC_ERROR_NAME_EXPRESSION_NOT_VALID:
      return "NVRTC_ERROR_NAME_EXPRESSION_NOT_VALID";
    default:
      return "NVRTC_ERROR_INTERNAL_ERROR";
  }
}

nvrtcResult nvrtcVersion(int* major, int* minor) {
  return run("nvrtcVersion", major != nullptr && minor != nullptr, [&] {
    *major = 13;
    *minor = 0;
    return NVRTC_SUCCESS;
  });
}

nvrtcResult nvrtcCreateProgram(nvrtcProgram* prog, const char* src, const char* name, int numHeaders,
                               const char* const* headers, const char* const* includeNames) {
  const bool valid = prog != nullptr && src != nullptr && numHeaders >= 0 &&
                     (numHeaders == 0 || (headers != nullptr && includeNames != nullptr));
  return run("nvrtcCreateProgram", valid, [&] {
    auto program = std::make_unique<_nvrtcProgram>();
    program->source = src;
    program->name = name != nullptr ? name : "default_program";
    for (int i = 0; i < numHeaders; ++i) program->headers.emplace_back(includeNames[i], headers[i]);
    *prog = program.release();
    return NVRTC_SUCCESS;
  });
}

nvrtcResult nvrtcDestroyProgram(nvrtcProgram* prog) {
  return run("nvrtcDestroyProgram", prog != nullptr && *prog != nullptr, [&] {
    delete *prog;
    *prog = nullptr;
    return NVRTC_SUCCESS;
  });
}

nvrtcResult nvrtcAddNameExpression(nvrtcProgram prog, const char* const name_expression) {
  return run("nvrtcAddNameExpression", prog != nullptr && name_expression != nullptr, [&] {
    if (prog->tried) return NVRTC_ERROR_NO_NAME_EXPRESSIONS_AFTER_COMPILATION;
    prog->expressions.emplace_back(name_expression);
    return NVRTC_SUCCESS;
  });
}

nvrtcResult nvrtcCompileProgram(nvrtcProgram prog, int numOptions, const char* const* options) {
  return run("nvrtcCompileProgram", prog != nullptr && numOptions >= 0 && (numOptions == 0 || options != nullptr), [&] {
    prog->tried = true;
    prog->compiled = false;
    prog->log.clear();
    prog->lowered.clear();
    std::vector<std::string> own{"-D__CUDACC_RTC__=1"};
    if (!take_options(*prog, numOptions, options, own)) return NVRTC_ERROR_INVALID_OPTION;
    if (!has_builtins()) {
      prog->log = std::string("nvrtc: error: failed to open ") + kBuiltins + ".\n  Make sure that " + kBuiltins +
                  " is installed correctly.";
      return NVRTC_ERROR_BUILTIN_OPERATION_FAILURE;
    }
    const std::vector<std::string> extern_names = extern_kernels(prog->source);
    std::vector<NamedKernel> kernels;
    for (const std::string& name : extern_names) kernels.push_back({name, name});
    for (const std::string& expression : prog->expressions) {
      const std::string lowered = lowered_name(expression, extern_names);
      if (lowered != expression && !prog->lowered.contains(expression)) kernels.push_back({expression, lowered});
      prog->lowered.emplace(expression, lowered);
    }
    Built built = build(translate(prog->source, prog->name, kernels), prog->headers, own);
    prog->log = std::move(built.log);
    prog->cubin = std::move(built.object);
    prog->compiled = built.compiled;
    return built.compiled ? NVRTC_SUCCESS : NVRTC_ERROR_COMPILATION;
  });
}

nvrtcResult nvrtcGetCUBINSize(nvrtcProgram prog, std::size_t* cubinSizeRet) {
  return run("nvrtcGetCUBINSize", prog != nullptr && cubinSizeRet != nullptr, [&] {
    if (!prog->compiled) return NVRTC_ERROR_INVALID_PROGRAM;
    *cubinSizeRet = prog->machine_code ? prog->cubin.size() : 0;
    return NVRTC_SUCCESS;
  });
}

nvrtcResult nvrtcGetCUBIN(nvrtcProgram prog, char* cubin) {
  return run("nvrtcGetCUBIN", prog != nullptr && cubin != nullptr, [&] {
    if (!prog->compiled || !prog->machine_code) return NVRTC_ERROR_INVALID_PROGRAM;
    prog->cubin.copy(cubin, prog->cubin.size());
    return NVRTC_SUCCESS;
  });
}

nvrtcResult nvrtcGetProgramLogSize(nvrtcProgram prog, std::size_t* logSizeRet) {
  return run("nvrtcGetProgramLogSize", prog != nullptr && logSizeRet != nullptr, [&] {
    *logSizeRet = prog->log.size() + 1;
    return NVRTC_SUCCESS;
  });
}

nvrtcResult nvrtcGetProgramLog(nvrtcProgram prog, char* log) {
  return run("nvrtcGetProgramLog", prog != nullptr && log != nullptr, [&] {
    prog->log.copy(log, prog->log.size());
    log[prog->log.size()] = '\0';
    return NVRTC_SUCCESS;
  });
}

nvrtcResult nvrtcGetLoweredName(nvrtcProgram prog, const char* const name_expression, const char** lowered_name) {
  return run("nvrtcGetLoweredName", prog != nullptr && name_expression != nullptr && lowered_name != nullptr, [&] {
    if (!prog->compiled) return NVRTC_ERROR_NO_LOWERED_NAMES_BEFORE_COMPILATION;
    const auto found = prog->lowered.find(name_expression);
    if (found == prog->lowered.end()) return NVRTC_ERROR_NAME_EXPRESSION_NOT_VALID;
    *lowered_name = found->second.c_str();
    return NVRTC_SUCCESS;
  });
}
}
