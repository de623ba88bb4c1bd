// The elements of arrays of numbers in a JSON text, as those of a tensor.
#pragma once

#include <cstddef>
#include <optional>
#include <span>
#include <string_view>

#include "core/dtype.h"

namespace tensorlane::json {

// An element that the type does not have: which one, of all arrays together, and its text.
struct Refused {
  std::size_t index = 0;
  std::string_view text;
};

// Writes the elements of the arrays, one after the other, each of them the text of an array as outline() takes it out. Those after
// the first that is refused are not read. Errors: Argument, where they have another number of elements than `to` has room for, or are
// none; NotSupported, for a type that JSON has no numbers for.
std::optional<Refused> read_numbers(std::span<const std::string_view> arrays, DType type, std::span<std::byte> to);

}  // namespace tensorlane::json
