// Runs the C++ compiler on a translated program.
#pragma once

#include <string>
#include <utility>
#include <vector>

namespace emulation::libraries {

struct Built {
  bool compiled = false;
  std::string log;
  std::string object;  // the bytes of a shared object
};

using Headers = std::vector<std::pair<std::string, std::string>>;  // name and text

// `options` go to the compiler as they are. What was compiled once in this process is not compiled again. Errors:
// std::exception where the compiler cannot be run.
Built build(const std::string& program, const Headers& headers, const std::vector<std::string>& options);

}  // namespace emulation::libraries
