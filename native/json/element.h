// One element of an array of numbers in a JSON text: a number as JSON writes them, NaN, Infinity, -Infinity, true or false.
//
// The rule: what a type does not have is refused, never rounded: fractions and what is out of range for integers, what is finite
// and out of range for floats. Floats are rounded once, to the nearest, ties to even. Integers of 64 bits are exact.
//
// std::from_chars reads the numbers: in libstdc++ that is fast_float, from GCC 12 on.
#pragma once

#include <cstddef>
#include <string_view>

#include "core/dtype.h"

namespace tensorlane::json {

struct Element {
  std::string_view text;  // empty: there is none
  bool is_whole = false;  // digits alone, behind a minus or none
};

constexpr bool is_blank(char c) noexcept { return c == ' ' || c == '\n' || c == '\r' || c == '\t'; }

// The one that begins with the first character of `text`, which may have more behind it.
Element scan_element(std::string_view text) noexcept;

// The nearest double; an infinity for what is out of its range. Of true and false, 1 and 0.
double to_double(std::string_view element) noexcept;

// Writes an element where one of a type lies; false where the type does not have it.
using Store = bool (*)(const Element& element, std::byte* to) noexcept;

// Null for what JSON has no numbers for: strings, and types of less than two bytes but for integers and bools.
Store store_of(DType type) noexcept;

}  // namespace tensorlane::json
