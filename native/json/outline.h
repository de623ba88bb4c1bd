// The long arrays of numbers in a JSON text, found without building anything of it.
//
// The rule: an array is taken out only where all of it is as it should be: elements (element.h) alone, nested to a full shape. What is
// around it is not judged: whoever parses the rest finds what is wrong there as if nothing had been taken out.
//
// No JSON library does this: simdjson has no NaN, yyjson takes it in any spelling, and either would build or index a text whose rest is parsed
// again, while of each number the text would still be wanted, to be read as the type that is only known later. What is hard here is
// a library's: the numbers (element.h).
#pragma once

#include <cstddef>
#include <string>
#include <string_view>
#include <vector>

namespace tensorlane::json {

// How deep arrays may be nested. Deeper ones are left in, and so is all that follows.
inline constexpr std::size_t kMostDepth = 64;

struct NumberArray {
  std::size_t place = 0;  // of the two characters in its place, in UTF-16's units
  std::size_t begin = 0;  // of its bytes in the whole text
  std::size_t end = 0;
  std::vector<std::size_t> dims;
};

struct Outline {
  std::string text;  // the whole, with [] in place of each of the arrays
  std::vector<NumberArray> arrays;
};

// Takes out the outermost arrays of `least` elements or more, which are at least 1.
Outline outline(std::string_view text, std::size_t least);

}  // namespace tensorlane::json
