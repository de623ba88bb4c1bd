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

// Headers: name and text. `options` go to the compiler as they are. Errors: std::exception where it cannot be run.
Built build(const std::string& program, const std::vector<std::pair<std::string, std::string>>& headers,
            const std::vector<std::string>& options);

}  // namespace emulation::libraries
