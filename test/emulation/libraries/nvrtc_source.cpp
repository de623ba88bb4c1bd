#include "libraries/nvrtc_source.h"

#include <algorithm>
#include <cctype>
#include <regex>

namespace emulation::libraries {

namespace {

constexpr const char* kBefore = R"(#include "cuda_runtime.h"
#include <functional>
)";

// The arguments are read, and pointers translated, when the kernel is launched.
constexpr const char* kAfter = R"(
namespace emulation_of_nvrtc {
template <typename T>
T argument(const void* at) {
  T value = *static_cast<const T*>(at);
  if constexpr (std::is_pointer_v<T>) return static_cast<T>(::emulation::device_alias(value));
  else return value;
}
template <typename... P, std::size_t... I>
std::function<void()>* bind_all(void (*kernel)(P...), void** arguments, std::index_sequence<I...>) {
  (void)arguments;
  std::tuple<std::remove_cv_t<P>...> values{argument<std::remove_cv_t<P>>(arguments[I])...};
  return new std::function<void()>([kernel, values] { std::apply(kernel, values); });
}
template <typename... P>
std::function<void()>* bind(void (*kernel)(P...), void** arguments) {
  return bind_all(kernel, arguments, std::index_sequence_for<P...>{});
}
template <typename... P>
bool describe(void (*)(P...), std::size_t index, std::size_t* offset, std::size_t* size) {
  const std::size_t sizes[] = {sizeof(P)..., 0}, alignments[] = {alignof(P)..., 1};
  if (index >= sizeof...(P)) return false;
  std::size_t at = 0;
  for (std::size_t i = 0; i <= index; ++i) {
    at = (at + alignments[i] - 1) / alignments[i] * alignments[i];
    if (i < index) at += sizes[i];
  }
  *offset = at;
  *size = sizes[index];
  return true;
}
}  // namespace emulation_of_nvrtc
)";

// Every match is replaced by what `by` makes of it.
template <typename By>
std::string replaced(const std::string& text, const std::regex& what, By by) {
  std::string result;
  std::size_t end = 0;
  for (std::sregex_iterator match(text.begin(), text.end(), what), none; match != none; ++match) {
    const std::size_t at = static_cast<std::size_t>(match->position());
    result.append(text, end, at - end);
    result += by(*match, at);
    end = at + static_cast<std::size_t>(match->length());
  }
  return result.append(text, end);
}

bool inside_function(const std::string& text, std::size_t at) {
  return std::count(text.begin(), text.begin() + static_cast<std::ptrdiff_t>(at), '{') >
         std::count(text.begin(), text.begin() + static_cast<std::ptrdiff_t>(at), '}');
}

// `extern __shared__ T name[];` is the memory whose size the launch gives.
std::string with_dynamic_shared(const std::string& source) {
  static const std::regex declaration(
      R"(extern\s+__shared__\s+((?:__align__\s*\([^)]*\)\s*|alignas\s*\([^)]*\)\s*)?)([A-Za-z_][\w:<>, ]*?)\s*)"
      R"((?:__align__\s*\([^)]*\)\s*)?\b([A-Za-z_]\w*)\s*\[\s*\]\s*;)");
  return replaced(source, declaration, [&](const std::smatch& match, std::size_t at) {
    const std::string type = match[2], name = match[3];
    const std::string memory = "static_cast<" + type + "*>(::emulation::dynamic_shared_memory())";
    if (inside_function(source, at)) return type + "* const " + name + " = " + memory + ";";
    return "\n#define " + name + " (" + memory + ")\n";
  });
}

}  // namespace

std::vector<std::string> extern_kernels(const std::string& source) {
  static const std::regex kernel(
      R"re(extern\s+"C"\s+(?:__launch_bounds__\s*\([^)]*\)\s*)?__global__\s+void\s+(?:__launch_bounds__\s*\([^)]*\)\s*)?(\w+)\s*\()re");
  std::vector<std::string> names;
  for (std::sregex_iterator match(source.begin(), source.end(), kernel), none; match != none; ++match)
    if (std::find(names.begin(), names.end(), (*match)[1]) == names.end()) names.push_back((*match)[1]);
  return names;
}

std::string lowered_name(const std::string& expression, const std::vector<std::string>& extern_names) {
  if (std::find(extern_names.begin(), extern_names.end(), expression) != extern_names.end()) return expression;
  std::string name = "_Z" + std::to_string(expression.size());
  for (const char c : expression) {
    if (std::isalnum(static_cast<unsigned char>(c)) != 0) {
      name += c;
    } else {
      name += '_';
      name += std::to_string(static_cast<int>(c));
    }
  }
  return name;
}

std::string translate(const std::string& source, const std::string& name, const std::vector<NamedKernel>& kernels) {
  std::string text = kBefore;
  text += "#line 1 \"" + name + "\"\n" + with_dynamic_shared(source) + "\n#line 1 \"name expressions\"" + kAfter;
  for (const NamedKernel& kernel : kernels) {
    const std::size_t first = kernel.expression.find_first_not_of("& ");
    const std::string expression = first == std::string::npos ? "" : kernel.expression.substr(first);
    text += "extern \"C\" __attribute__((visibility(\"default\"))) std::function<void()>* " +
            binder_symbol(kernel.lowered) + "(void** arguments) { return ::emulation_of_nvrtc::bind(&" + expression +
            ", arguments); }\n" + "extern \"C\" __attribute__((visibility(\"default\"))) bool " +
            describer_symbol(kernel.lowered) +
            "(std::size_t index, std::size_t* offset, std::size_t* size) { return ::emulation_of_nvrtc::describe(&" +
            expression + ", index, offset, size); }\n";
  }
  return text;
}

}  // namespace emulation::libraries
