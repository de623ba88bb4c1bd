#include "binding/operations.h"

#include <algorithm>
#include <array>
#include <cstddef>
#include <span>

#include "binding/operation_reader.h"

namespace tensorlane {
namespace {

// To the device, back from it, or within it: by where the operand is and the result is to be.
Operation copy(Reader read) {
  const auto bytes = static_cast<std::size_t>(read.size("bytes"));
  const Operand from = read.input("from", bytes);
  read.result(bytes);
  auto run = [from](Device& device, Lane& lane, Results results) { device.copy(lane, from, results[0]); };
  return read.take(std::move(run), true);
}

Operation trim(Reader read) {
  return read.take([](Device& device, Lane& lane, Results /*none*/) { device.trim(lane); });
}

constexpr std::array<NamedOperation, 2> kMemoryOperations{{
    {"copy", copy},
    {"trim", trim},
}};

}  // namespace

Operation read_operation(const std::string& name, const Napi::Object& request) {
  for (const std::span<const NamedOperation> family :
       {linalg_operations(), tensor_operations(), std::span<const NamedOperation>(kMemoryOperations)}) {
    const auto found = std::ranges::find(family, name, &NamedOperation::name);
    if (found != family.end()) return found->read(Reader(request));
  }
  throw Error(Code::Argument, "there is no operation '" + name + "'");
}

}  // namespace tensorlane
