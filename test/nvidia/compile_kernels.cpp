// Compiles kernels with NVRTC: compile_kernels ARCHITECTURE (FILE NAME)... prints "ok" or the error of each, a line
// each.
#include <cstdio>
#include <exception>
#include <fstream>
#include <iterator>
#include <string>

#include "cuda/libraries/compile.h"

int main(int count, char** arguments) {
  for (int i = 2; i + 1 < count; i += 2) {
    std::ifstream file(arguments[i]);
    const std::string source{std::istreambuf_iterator<char>(file), std::istreambuf_iterator<char>()};
    std::string result = "ok";
    try {
      static_cast<void>(tensorlane::cuda::compile_kernel(source, arguments[i + 1], arguments[1], {}));
    } catch (const std::exception& error) {
      result = error.what();
      for (char& letter : result) letter = letter == '\n' ? ' ' : letter;
    }
    std::printf("%s\n", result.c_str());
  }
}
