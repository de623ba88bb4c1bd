// The elements of a tensor as JSON: numbers, true and false; NaN, Infinity and -Infinity for those that JSON has none for.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include "core/dtype.h"
#include "core/words.h"

namespace tensorlane {
namespace json {

enum class Style {
  // The fewest digits that come back as the same number of its type, laid out as JavaScript does; whole float32 below 1e15 exactly.
  Shortest,
  // As TensorFlow Serving has them: floats always look like floats, with six digits where those come back as the same, else as
  // many as always do.
  TensorFlow,
};

enum class Layout {
  Flat,   // separated by commas, whatever the dims
  Rows,   // what is within each place of the first dimension, nested, separated by a comma and a blank
  Lines,  // nested, each element on a line of its own
};

struct Format {
  Style style = Style::Shortest;
  Layout layout = Layout::Flat;
  std::size_t indent = 0;  // Lines: of the array itself, in fours of blanks
};

struct Printed {
  std::string text;
  std::vector<double> ends;  // Rows: where the text of each ends
};

// Errors: Shape, where `data` has not the elements that dims say, or a scalar is to have rows; NotSupported, for a type that JSON has no
// numbers for.
Printed print_numbers(DType type, std::span<const std::byte> data, std::span<const std::int64_t> dims,
                      const Format& format);

}  // namespace json

template <>
struct Words<json::Style> {
  static constexpr std::array kTable{
      Word{json::Style::Shortest, "shortest"},
      Word{json::Style::TensorFlow, "tensorflow"},
  };
};

template <>
struct Words<json::Layout> {
  static constexpr std::array kTable{
      Word{json::Layout::Flat, "flat"},
      Word{json::Layout::Rows, "rows"},
      Word{json::Layout::Lines, "lines"},
  };
};

}  // namespace tensorlane
