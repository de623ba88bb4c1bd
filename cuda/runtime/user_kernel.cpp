#include "cuda/runtime/user_kernel.h"

#include <utility>

#include "core/error.h"
#include "cuda/libraries/compile.h"
#include "cuda/libraries/libraries.h"
#include "cuda/runtime/errors.h"
#include "cuda/runtime/lane.h"

namespace tensorlane::cuda {
namespace {

// The driver's error numbers are the runtime's.
void check(CUresult result, const char* what) { cuda::check(static_cast<cudaError_t>(result), what); }

std::string key_of(const std::string& source, const std::string& name, const std::vector<std::string>& options) {
  std::string key = name;
  for (const std::string& option : options) key += '\0' + option;
  return key + '\0' + '\0' + source;
}

void check_size(const char* what, unsigned given, int most) {
  if (given >= 1 && given <= static_cast<unsigned>(most)) return;
  throw Error(Code::Argument, std::string(what) + " is " + std::to_string(given) + "; expected 1 to " +
                                  std::to_string(most) + " on this device");
}

void check_limits(const LaunchLimits& limits, const CudaKernel& kernel, const LaunchArgs& args) {
  constexpr const char* kBlock[] = {"the block's x size", "the block's y size", "the block's z size"};
  constexpr const char* kGrid[] = {"the grid's x size", "the grid's y size", "the grid's z size"};
  std::uint64_t threads = 1;
  for (std::size_t axis = 0; axis < 3; ++axis) {
    check_size(kBlock[axis], args.block[axis], limits.block[axis]);
    check_size(kGrid[axis], args.grid[axis], limits.grid[axis]);
    threads *= args.block[axis];
  }
  if (threads > static_cast<std::uint64_t>(limits.threads_per_block)) {
    throw Error(Code::Argument, "the block has " + std::to_string(threads) + " threads; this device allows " +
                                    std::to_string(limits.threads_per_block));
  }
  const auto own = static_cast<std::size_t>(kernel.own_shared_bytes);
  const auto most = static_cast<std::size_t>(limits.shared_bytes);
  if (args.shared_bytes > most - std::min(own, most)) {
    throw Error(Code::Argument, "the block asks for " + std::to_string(args.shared_bytes) +
                                    " bytes of shared memory, beside " + std::to_string(own) +
                                    " of the kernel's own; this device allows " + std::to_string(most) + " in all");
  }
}

// The driver reads as many bytes as the parameters have, whatever it was given.
void check_arguments(const CudaKernel& kernel, const std::vector<KernelArgument>& arguments) {
  if (!kernel.parameters.has_value()) return;
  const std::vector<std::size_t>& parameters = *kernel.parameters;
  if (arguments.size() != parameters.size()) {
    throw Error(Code::Argument, "the kernel '" + kernel.name + "' takes " + std::to_string(parameters.size()) +
                                    " arguments, got " + std::to_string(arguments.size()));
  }
  for (std::size_t i = 0; i < parameters.size(); ++i) {
    const std::size_t given = arguments[i].is_buffer ? sizeof(void*) : arguments[i].size;
    if (given == parameters[i]) continue;
    throw Error(Code::Argument, "argument " + std::to_string(i) + " of the kernel '" + kernel.name + "' has " +
                                    std::to_string(given) + " bytes" +
                                    (arguments[i].is_buffer ? ", the address of a tensor" : "") +
                                    "; the kernel's parameter has " + std::to_string(parameters[i]));
  }
}

// What the driver knows of a kernel that was just loaded. Done here and not at each launch: lanes launch it side by
// side, and what is set holds for all of them.
void prepare(CudaKernel& kernel, int shared_bytes) {
  check(driver().cuFuncGetAttribute(&kernel.own_shared_bytes, CU_FUNC_ATTRIBUTE_SHARED_SIZE_BYTES, kernel.function),
        "cuFuncGetAttribute");
  // All that a block can have; without asking it gets less.
  check(driver().cuFuncSetAttribute(kernel.function, CU_FUNC_ATTRIBUTE_MAX_DYNAMIC_SHARED_SIZE_BYTES,
                                    std::max(shared_bytes - kernel.own_shared_bytes, 0)),
        "cuFuncSetAttribute");
  if (driver().cuFuncGetParamInfo == nullptr) return;
  std::vector<std::size_t> parameters;
  for (;;) {
    std::size_t offset = 0;
    std::size_t size = 0;
    const CUresult result = driver().cuFuncGetParamInfo(kernel.function, parameters.size(), &offset, &size);
    if (result == CUDA_ERROR_INVALID_VALUE) break;  // there is no such parameter
    check(result, "cuFuncGetParamInfo");
    parameters.push_back(size);
  }
  kernel.parameters = std::move(parameters);
}

}  // namespace

KernelCompiler::KernelCompiler(std::shared_ptr<Context> context, int major, int minor, int shared_bytes)
    : context_(std::move(context)),
      architecture_("sm_" + std::to_string(major) + std::to_string(minor)),
      shared_bytes_(shared_bytes) {}

std::shared_ptr<Kernel> KernelCompiler::compile(const std::string& source, const std::string& name,
                                                const std::vector<std::string>& options) {
  const std::string key = key_of(source, name, options);
  {
    const std::lock_guard lock(mutex_);
    const auto found = kept_.find(key);
    if (found != kept_.end()) return found->second;
  }
  context_->unload_modules();
  const CompiledKernel compiled = compile_kernel(source, name, architecture_, options);
  CUmodule module = nullptr;
  check(driver().cuModuleLoadData(&module, compiled.cubin.data()), "cuModuleLoadData");
  const auto kernel = std::make_shared<CudaKernel>(context_, module);
  kernel->name = name;
  check(driver().cuModuleGetFunction(&kernel->function, module, compiled.symbol.c_str()), "cuModuleGetFunction");
  prepare(*kernel, shared_bytes_);

  const std::lock_guard lock(mutex_);
  const auto [kept, added] = kept_.emplace(key, kernel);
  if (added) order_.push_back(key);
  if (order_.size() > kKept) {
    kept_.erase(order_.front());
    order_.pop_front();
  }
  return kernel;
}

void launch_kernel(CudaLane& lane, const LaunchLimits& limits, const LaunchArgs& args) {
  const auto kernel = std::dynamic_pointer_cast<CudaKernel>(args.kernel);
  if (kernel == nullptr || kernel->device() != lane.context().device()) {
    throw Error(Code::Argument, "a kernel that was compiled by this device was expected");
  }
  check_limits(limits, *kernel, args);
  check_arguments(*kernel, args.arguments);
  std::vector<std::uint64_t> values(args.arguments.size());
  std::vector<void*> addresses(args.arguments.size());
  for (std::size_t i = 0; i < values.size(); ++i) {
    const KernelArgument& argument = args.arguments[i];
    values[i] = argument.bits;
    if (argument.is_buffer) {
      void* memory = argument.writes ? lane.writes(argument.operand) : lane.reads(argument.operand);
      values[i] = reinterpret_cast<std::uintptr_t>(memory);
    }
    addresses[i] = &values[i];
  }
  lane.keep(kernel);
  check(driver().cuLaunchKernel(kernel->function, args.grid[0], args.grid[1], args.grid[2], args.block[0],
                                args.block[1], args.block[2], static_cast<unsigned>(args.shared_bytes), lane.stream(),
                                addresses.data(), nullptr),
        "cuLaunchKernel");
}

}  // namespace tensorlane::cuda
