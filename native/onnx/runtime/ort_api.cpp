#include "onnx/runtime/ort_api.h"

#include <algorithm>
#include <array>
#include <functional>

#include "core/error.h"

namespace tensorlane::ort {
namespace {

#define TENSORLANE_ORT_SLOT(name, slot, since, result, arguments) std::size_t{slot},
constexpr std::array kSlots{TENSORLANE_ORT_FUNCTIONS(TENSORLANE_ORT_SLOT)};
static_assert(std::ranges::adjacent_find(kSlots, std::greater_equal<>()) == kSlots.end(),
              "two functions have one place, or they are out of order");

#define TENSORLANE_ORT_SINCE(name, slot, since, result, arguments) \
  static_assert((since) <= kApiVersion, #name " is newer than the version that is asked for");
TENSORLANE_ORT_FUNCTIONS(TENSORLANE_ORT_SINCE)
#undef TENSORLANE_ORT_SINCE

constexpr std::array kLaterSlots{TENSORLANE_ORT_LATER_FUNCTIONS(TENSORLANE_ORT_SLOT)};
static_assert(std::ranges::adjacent_find(kLaterSlots, std::greater_equal<>()) == kLaterSlots.end(),
              "two later functions have one place, or they are out of order");
#undef TENSORLANE_ORT_SLOT

}  // namespace

Api read_table(const void* table, const std::string& library, std::uint32_t newest) {
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
#define TENSORLANE_ORT_READ(name, slot, since, result, arguments) \
  if ((since) <= newest) api.name = reinterpret_cast<decltype(api.name)>(slots[slot]);
  TENSORLANE_ORT_LATER_FUNCTIONS(TENSORLANE_ORT_READ)
#undef TENSORLANE_ORT_READ
  return api;
}

}  // namespace tensorlane::ort
