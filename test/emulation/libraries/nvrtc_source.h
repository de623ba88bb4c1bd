// CUDA C++ to what the C++ compiler takes, with a function for each kernel that a launch can call.
#pragma once

#include <string>
#include <vector>

namespace emulation::libraries {

// The kernels that are there under their own names, since they are extern "C".
std::vector<std::string> extern_kernels(const std::string& source);

// The name under which the program has a kernel: of an extern "C" kernel its own, else one like a mangled name.
std::string lowered_name(const std::string& expression, const std::vector<std::string>& extern_names);

// The symbol of the function that binds a kernel to its arguments: std::function<void()>* (void** arguments).
inline std::string binder_symbol(const std::string& lowered) { return "emulation_bind_" + lowered; }

// The symbol of the function that tells where a parameter lies, and its size: bool (size_t index, size_t* offset,
// size_t* size), false where there is no such parameter.
inline std::string describer_symbol(const std::string& lowered) { return "emulation_describe_" + lowered; }

struct NamedKernel {
  std::string expression;
  std::string lowered;
};
// `name` is what the compiler's messages call the source.
std::string translate(const std::string& source, const std::string& name, const std::vector<NamedKernel>& kernels);

}  // namespace emulation::libraries
