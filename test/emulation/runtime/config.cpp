// What the emulated devices are like, first as the environment says.
#include <cstdlib>
#include <string>

#include "emulation.h"
#include "runtime/faults.h"

namespace emulation {

namespace {

const char* variable(const char* name) {
  const char* value = std::getenv(name);
  return value != nullptr && *value != '\0' ? value : nullptr;
}

Config from_environment() {
  Config made;
  if (const char* value = variable("EMULATION_DEVICES")) made.devices = std::atoi(value);
  if (const char* value = variable("EMULATION_MEMORY")) made.memory_bytes = std::strtoull(value, nullptr, 10);
  if (const char* value = variable("EMULATION_DELAYS")) made.delay_seed = std::strtoull(value, nullptr, 10);
  if (const char* value = variable("EMULATION_DRIVER")) made.driver_version = std::atoi(value);
  if (const char* value = variable("EMULATION_COMPUTE")) {
    char* end = nullptr;
    made.compute_major = static_cast<int>(std::strtol(value, &end, 10));
    made.compute_minor = *end == '.' ? std::atoi(end + 1) : 0;
  }
  return made;
}

}  // namespace

Config& config() {
  static Config only = from_environment();
  static const bool planned = [] {
    if (const char* value = variable("EMULATION_FAULT")) plan_faults_from_text(value);
    return true;
  }();
  static_cast<void>(planned);
  return only;
}

}  // namespace emulation
