// The places of ONNX Runtime's functions in its table, against a list of them all: a wrong one would call another
// function.
#include <doctest/doctest.h>

#include <array>
#include <cstdint>
#include <iterator>
#include <string>
#include <string_view>
#include <vector>

#include "onnx/support.h"

using namespace tensorlane;
using namespace tensorlane::test;

namespace {

struct Place {
  std::string_view name;
  std::size_t slot;
  std::uint32_t since;
};

#define TENSORLANE_PLACE(slot, since, name) Place{#name, slot, since},
constexpr Place kAll[] = {
#define X TENSORLANE_PLACE
#include "onnx/ort_slots.inc"
#undef X
};
#undef TENSORLANE_PLACE

#define TENSORLANE_PLACE(name, slot, since, result, arguments) Place{#name, slot, since},
constexpr Place kUsed[] = {TENSORLANE_ORT_FUNCTIONS(TENSORLANE_PLACE)};
constexpr Place kLater[] = {TENSORLANE_ORT_LATER_FUNCTIONS(TENSORLANE_PLACE)};
#undef TENSORLANE_PLACE

const Place* find(std::string_view name) {
  for (const Place& place : kAll) {
    if (place.name == name) return &place;
  }
  return nullptr;
}

// As many functions as the version has.
std::vector<const void*> whole_table(std::uint32_t version = ort::kApiVersion) {
  static const int something = 0;
  std::vector<const void*> table;
  for (const Place& place : kAll) {
    if (place.since <= version) table.push_back(&something);
  }
  return table;
}

void check_listed(const Place& used) {
  const Place* listed = find(used.name);
  REQUIRE_MESSAGE(listed != nullptr, used.name << " is not in test/native/onnx/ort_slots.inc");
  CHECK_MESSAGE(used.slot == listed->slot, used.name << " is at " << listed->slot << ", not at " << used.slot);
  CHECK_MESSAGE(used.since == listed->since,
                used.name << " is there since version " << listed->since << ", not " << used.since);
}

}  // namespace

TEST_CASE("ort: the list has every place once, in order, and versions that only rise") {
  for (std::size_t i = 0; i < std::size(kAll); ++i) {
    CHECK_MESSAGE(kAll[i].slot == i, kAll[i].name << " does not stand at its place in the list");
    CHECK_MESSAGE(find(kAll[i].name) == &kAll[i], kAll[i].name << " is in the list twice");
    if (i > 0) CHECK_MESSAGE(kAll[i].since >= kAll[i - 1].since, kAll[i].name << " is older than the one before it");
  }
}

TEST_CASE("ort: each function that is used is in the list, at the place and with the version that the table states") {
  for (const Place& used : kUsed) check_listed(used);
  for (const Place& used : kLater) check_listed(used);
}

TEST_CASE("ort: the runtime that is installed has every function that is used") {
  const ort::Api& api = runtime().api;
#define TENSORLANE_CHECK(name, slot, since, result, arguments) \
  CHECK_MESSAGE((api.name != nullptr), #name " is missing");
  TENSORLANE_ORT_FUNCTIONS(TENSORLANE_CHECK)
#undef TENSORLANE_CHECK
}

TEST_CASE("ort: of later functions a runtime has those of its version, and null in place of the others") {
  for (std::uint32_t newest = ort::kApiVersion; newest <= 30; ++newest) {
    CAPTURE(newest);
    const std::vector<const void*> table = whole_table(newest);
    const ort::Api api = ort::read_table(table.data(), "/some/library.so", newest);
#define TENSORLANE_CHECK(name, slot, since, result, arguments) CHECK((api.name != nullptr) == ((since) <= newest));
    TENSORLANE_ORT_LATER_FUNCTIONS(TENSORLANE_CHECK)
#undef TENSORLANE_CHECK
  }
}

TEST_CASE("ort: a runtime that lacks any one of them is refused, with the function's name and the library's path") {
  CHECK_FALSE(failure([] { ort::read_table(whole_table().data(), "/some/library.so"); }).has_value());
  for (const Place& used : kUsed) {
    CAPTURE(used.name);
    std::vector<const void*> table = whole_table();
    table.at(used.slot) = nullptr;
    const auto error = failure([&] { ort::read_table(table.data(), "/some/library.so"); });
    REQUIRE_MESSAGE(error.has_value(), "it was taken");
    CHECK(error->code() == Code::NoRuntime);
    const std::string message = error->what();
    CHECK(message.find("the function " + std::string(used.name) + " ") != std::string::npos);
    CHECK(message.find("/some/library.so") != std::string::npos);
  }
}
