// Elements as JSON: in the digits that each protocol has for them, and in its layout.
#include <doctest/doctest.h>

#include <bit>
#include <cmath>
#include <cstdint>
#include <cstdio>
#include <initializer_list>
#include <limits>
#include <random>
#include <string>
#include <string_view>
#include <vector>

#include "core/error.h"
#include "json/element.h"
#include "json/print.h"

using tensorlane::DType;
using tensorlane::Error;
using namespace tensorlane::json;

namespace {

template <typename T>
Printed printed(DType type, const std::vector<T>& data, const std::vector<std::int64_t>& dims, const Format& format) {
  return print_numbers(type, std::as_bytes(std::span(data)), dims, format);
}

template <typename T>
std::string text_of(DType type, const std::vector<T>& data, Style style = Style::Shortest) {
  return printed(type, data, {static_cast<std::int64_t>(data.size())}, {.style = style}).text;
}

constexpr float kInfiniteFloat = std::numeric_limits<float>::infinity();

}  // namespace

TEST_CASE("the fewest digits, as JavaScript lays them out") {
  const auto of = [](double value) { return text_of<double>(DType::Float64, {value}); };
  CHECK(of(0.1) == "0.1");
  CHECK(of(1) == "1");
  CHECK(of(-0.0) == "-0");
  CHECK(of(0) == "0");
  CHECK(of(100) == "100");
  CHECK(of(-1234.5) == "-1234.5");
  CHECK(of(1e-6) == "0.000001");
  CHECK(of(1.5e-7) == "1.5e-7");
  CHECK(of(1e20) == "100000000000000000000");
  CHECK(of(1e21) == "1e+21");
  CHECK(of(1.25e300) == "1.25e+300");
  CHECK(of(4.9e-324) == "5e-324");
  CHECK(of(std::numeric_limits<double>::max()) == "1.7976931348623157e+308");
  CHECK(of(123456789012345680.0) == "123456789012345680");
  CHECK(text_of<float>(DType::Float32, {0.1F, 16777216.0F, 123456792.0F, 1e20F, -0.0F, 1.0F / 3}) ==
        "0.1,16777216,123456792,100000000000000000000,-0,0.33333334");
  CHECK(text_of<float>(DType::Float32, {std::nanf(""), kInfiniteFloat, -kInfiniteFloat}) == "NaN,Infinity,-Infinity");
  CHECK(text_of<std::uint16_t>(DType::Float16, {0x3c00, 0x2e66, 0xfbff, 0x7c00}) ==
        "1,0.0999755859375,-65504,Infinity");
  CHECK(text_of<std::uint16_t>(DType::BFloat16, {0x3f80, 0x7f80, 0x3dcd}) == "1,Infinity,0.10009765625");
}

TEST_CASE("as TensorFlow Serving has them") {
  const auto of = [](float value) { return text_of<float>(DType::Float32, {value}, Style::TensorFlow); };
  CHECK(of(0.1F) == "0.1");
  CHECK(of(1) == "1.0");
  CHECK(of(-0.0F) == "-0.0");
  CHECK(of(1e-10F) == "1e-10");
  CHECK(of(123456) == "123456.0");
  CHECK(of(1234570) == "1.23457e+06");
  CHECK(of(1234567) == "1234567.0");
  CHECK(of(1.0F / 3) == "0.333333343");
  CHECK(of(1e20F) == "1e+20");
  CHECK(text_of<double>(DType::Float64, {1.0 / 3, 2.5}, Style::TensorFlow) == "0.33333333333333331,2.5");
  CHECK(text_of<std::uint16_t>(DType::Float16, {0x2e66}, Style::TensorFlow) == "0.0999755859");
  CHECK(text_of<std::int32_t>(DType::Int32, {5}, Style::TensorFlow) == "5");
  CHECK(text_of<double>(DType::Float64, {std::nan(""), -INFINITY}, Style::TensorFlow) == "NaN,-Infinity");
}

TEST_CASE("integers and bools") {
  CHECK(text_of<std::int64_t>(DType::Int64, {std::numeric_limits<std::int64_t>::min(), 0}) == "-9223372036854775808,0");
  CHECK(text_of<std::uint64_t>(DType::UInt64, {std::numeric_limits<std::uint64_t>::max()}) == "18446744073709551615");
  CHECK(text_of<std::int8_t>(DType::Int8, {-128, 127}) == "-128,127");
  CHECK(text_of<std::uint8_t>(DType::UInt8, {0, 255}) == "0,255");
  CHECK(text_of<std::uint8_t>(DType::Bool, {0, 1, 7}) == "false,true,true");
}

TEST_CASE("layouts") {
  const std::vector<std::int32_t> six{1, 2, 3, 4, 5, 6};
  const auto laid = [&](Layout layout, const std::vector<std::int64_t>& dims, std::size_t indent = 0) {
    return printed(DType::Int32, six, dims, {.layout = layout, .indent = indent});
  };
  CHECK(laid(Layout::Flat, {2, 3}).text == "1,2,3,4,5,6");
  const Printed rows = laid(Layout::Rows, {2, 3});
  CHECK(rows.text == "[1, 2, 3], [4, 5, 6]");
  CHECK(rows.ends == std::vector<double>{9, 20});
  CHECK(laid(Layout::Rows, {6}).text == "1, 2, 3, 4, 5, 6");
  CHECK(laid(Layout::Rows, {1, 3, 2}).text == "[[1, 2], [3, 4], [5, 6]]");
  CHECK(laid(Layout::Lines, {2, 3}, 1).text ==
        "[\n        [\n            1,\n            2,\n            3\n        ],\n        [\n            4,\n          "
        "  5,\n"
        "            6\n        ]\n    ]");
  const std::vector<std::int32_t> none;
  CHECK(printed(DType::Int32, none, {0}, {.layout = Layout::Lines}).text == "[]");
  CHECK(printed(DType::Int32, none, {2, 0}, {.layout = Layout::Rows}).text == "[], []");
  CHECK(printed(DType::Int32, none, {0, 3}, {}).text.empty());
  CHECK(printed<std::int32_t>(DType::Int32, {7}, {}, {.layout = Layout::Lines}).text == "7");
}

TEST_CASE("what cannot be printed is refused") {
  const std::vector<std::int32_t> two{1, 2};
  CHECK_THROWS_AS(printed(DType::Int32, two, {3}, {}), Error);
  CHECK_THROWS_AS(printed(DType::Int32, two, {-2}, {}), Error);
  CHECK_THROWS_AS(printed(DType::Int32, two, {std::int64_t{1} << 62, 8}, {}), Error);
  CHECK_THROWS_AS(printed<std::int32_t>(DType::Int32, {1}, {}, {.layout = Layout::Rows}), Error);
  CHECK_THROWS_AS(printed(DType::String, two, {2}, {}), Error);
  CHECK_THROWS_AS(printed(DType::Int4, two, {2}, {}), Error);
}

TEST_CASE("whatever a float is, it comes back, in either style, and the style is C's") {
  std::mt19937 random(7);  // the same each time
  for (int i = 0; i < 20000; ++i) {
    const auto value = std::bit_cast<float>(static_cast<std::uint32_t>(random()));
    if (!std::isfinite(value)) continue;
    for (const Style style : {Style::Shortest, Style::TensorFlow}) {
      const std::string text = text_of<float>(DType::Float32, {value}, style);
      float back = 0;
      REQUIRE(store_of(DType::Float32)(scan_element(text), reinterpret_cast<std::byte*>(&back)));
      REQUIRE(std::bit_cast<std::uint32_t>(back) == std::bit_cast<std::uint32_t>(value));
      if (style == Style::Shortest) continue;
      char few[64];
      char all[64];
      std::snprintf(few, sizeof few, "%.6g", static_cast<double>(value));
      std::snprintf(all, sizeof all, "%.9g", static_cast<double>(value));
      const std::string bare = text.ends_with(".0") ? text.substr(0, text.size() - 2) : text;
      REQUIRE((bare == few || bare == all));
    }
  }
}
