#include "onnx/ort_api.h"

#include <algorithm>
#include <array>
#include <functional>

#include "core/error.h"

namespace tensorlane::ort {
namespace {

#define TENSORLANE_ORT_SLOT(name, slot, since, result, arguments) std::size_t{slot},
constexpr std::array kSlots{TENSORLANE_ORT_FUNCTIONS(TENSORLANE_ORT_SLOT)};
#undef TENSORLANE_ORT_SLOT
static_assert(std::ranges::adjacent_find(kSlots, std::greater_equal<>()) == kSlots.end(),
              "two functions have one place, or they are out of order");

#define TENSORLANE_ORT_SINCE(name, slot, since, result, arguments) \
  static_assert((since) <= kApiVersion, #name " is newer than the version that is asked for");
TENSORLANE_ORT_FUNCTIONS(TENSORLANE_ORT_SINCE)
#undef TENSORLANE_ORT_SINCE

}  // namespace

Api read_table(const void* table, const std::string& library) {
  const auto* slots = static_cast<void* const*>(table);
  Api api;
  const auto read = [&]<typename Function>(Function& function, const char* name, std::size_t slot) {
    if (slots[slot] == nullptr) {
      throw Error(Code::NoRuntime, "ONNX Runtime at " + library + " lacks the function " + name + " (at " +
                                       std::to_string(slot) + " of its table); use a complete build of it");
    }
    function = reinterpret_cast<Function>(slots[slot]);
  };
#define TENSORLANE_ORT_READ(name, slot, since, result, arguments) read(api.name, #name, slot);
  TENSORLANE_ORT_FUNCTIONS(TENSORLANE_ORT_READ)
#undef TENSORLANE_ORT_READ
  return api;
}

}  // namespace tensorlane::ort
