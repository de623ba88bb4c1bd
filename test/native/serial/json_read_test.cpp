// Elements out of a JSON text: exact, or refused.
#include <doctest/doctest.h>

#include <bit>
#include <charconv>
#include <cmath>
#include <cstdint>
#include <cstring>
#include <limits>
#include <optional>
#include <random>
#include <string>
#include <string_view>
#include <vector>

#include "core/error.h"
#include "cpu/ops/half.h"
#include "json/element.h"
#include "json/read.h"

using tensorlane::Code;
using tensorlane::DType;
using tensorlane::Error;
using namespace tensorlane::json;

namespace {

template <typename T>
std::optional<T> stored(DType type, std::string_view text) {
  T value{};
  const Element element = scan_element(text);
  REQUIRE(element.text == text);
  if (!store_of(type)(element, reinterpret_cast<std::byte*>(&value))) return std::nullopt;
  return value;
}

constexpr double kInfiniteDouble = std::numeric_limits<double>::infinity();

}  // namespace

TEST_CASE("an element ends where its grammar does") {
  for (const char* text :
       {"0", "-0", "12", "1.5", "-1e5", "1E+05", "0.1e-3", "NaN", "Infinity", "-Infinity", "true", "false"}) {
    CHECK(scan_element(text).text == text);
    CHECK(scan_element(std::string(text) + ",").text == text);
    CHECK(scan_element(std::string(text) + "]").text == text);
  }
  for (const char* text :
       {"", "-", "+1", ".5", "01", "-01", "1.", "1.e5", "1e", "1e-", "nan", "inf", "-NaN", "Infinit", "\"1\"", "x"}) {
    CAPTURE(text);
    CHECK(scan_element(text).text.empty());
  }
  CHECK(scan_element("12").is_whole);
  CHECK(scan_element("-12").is_whole);
  CHECK_FALSE(scan_element("12.0").is_whole);
  CHECK_FALSE(scan_element("12e0").is_whole);
}

TEST_CASE("doubles are the nearest, and what has none is an infinity or 0") {
  CHECK(to_double("0.1") == 0.1);
  CHECK(to_double("1e23") == 1e23);
  CHECK(to_double("2.2250738585072011e-308") == 2.2250738585072011e-308);
  CHECK(to_double("4.9e-324") == 4.9e-324);
  CHECK(to_double("9007199254740993") == 9007199254740992.0);
  CHECK(to_double("1e400") == kInfiniteDouble);
  CHECK(to_double("-1e400") == -kInfiniteDouble);
  CHECK(to_double("1e-400") == 0);
  CHECK(std::signbit(to_double("-1e-400")));
  CHECK(to_double("1e99999999999999999999999") == kInfiniteDouble);
  CHECK(to_double("1e-99999999999999999999999") == 0);
  CHECK(to_double("0e99999999999999999999999") == 0);
  CHECK(to_double(std::string(400, '9')) == kInfiniteDouble);
  CHECK(to_double("0." + std::string(400, '0') + "1") == 0);
  CHECK(to_double("0." + std::string(400, '0') + "1e401") == 1);
  CHECK(to_double("1" + std::string(400, '0') + "e-400") == 1);
  CHECK(to_double("0." + std::string(400, '0') + "1e900") == kInfiniteDouble);
  CHECK(std::isnan(to_double("NaN")));
}

TEST_CASE("integers are exact, or refused") {
  CHECK(stored<std::int64_t>(DType::Int64, "9223372036854775807") == std::numeric_limits<std::int64_t>::max());
  CHECK(stored<std::int64_t>(DType::Int64, "-9223372036854775808") == std::numeric_limits<std::int64_t>::min());
  CHECK(stored<std::uint64_t>(DType::UInt64, "18446744073709551615") == std::numeric_limits<std::uint64_t>::max());
  CHECK(stored<std::int64_t>(DType::Int64, "1e3") == 1000);
  CHECK(stored<std::int64_t>(DType::Int64, "-2.0") == -2);
  CHECK(stored<std::uint64_t>(DType::UInt64, "-0") == 0U);
  CHECK(stored<std::int64_t>(DType::Int64, "-0") == 0);
  for (const char* text : {"9223372036854775808", "-9223372036854775809", "1.5", "1e16", "NaN", "Infinity", "true",
                           "100000000000000000000000"}) {
    CAPTURE(text);
    CHECK_FALSE(stored<std::int64_t>(DType::Int64, text).has_value());
  }
  for (const char* text : {"18446744073709551616", "-1", "-1.0", "0.5"}) {
    CHECK_FALSE(stored<std::uint64_t>(DType::UInt64, text).has_value());
  }
  CHECK(stored<std::int8_t>(DType::Int8, "-128") == std::int8_t{-128});
  CHECK(stored<std::uint8_t>(DType::UInt8, "255") == std::uint8_t{255});
  CHECK(stored<std::uint32_t>(DType::UInt32, "4294967295") == 4294967295U);
  CHECK(stored<std::int32_t>(DType::Int32, "1.0") == 1);
  for (const char* text : {"-129", "128", "0.5", "NaN", "-Infinity", "false", "99999999999999999999"}) {
    CHECK_FALSE(stored<std::int8_t>(DType::Int8, text).has_value());
  }
  CHECK(stored<std::uint8_t>(DType::Bool, "true") == std::uint8_t{1});
  CHECK(stored<std::uint8_t>(DType::Bool, "0") == std::uint8_t{0});
  CHECK(stored<std::uint8_t>(DType::Bool, "1.0") == std::uint8_t{1});
  for (const char* text : {"2", "-1", "0.5", "NaN"}) CHECK_FALSE(stored<std::uint8_t>(DType::Bool, text).has_value());
}

TEST_CASE("floats are rounded to their type, and what would become an infinity is refused") {
  CHECK(stored<float>(DType::Float32, "0.1") == 0.1F);
  CHECK(stored<float>(DType::Float32, "3.4028235677973362e38") == std::numeric_limits<float>::max());
  CHECK_FALSE(stored<float>(DType::Float32, "3.4028235677973366e38").has_value());
  CHECK_FALSE(stored<float>(DType::Float32, "1e39").has_value());
  CHECK_FALSE(stored<float>(DType::Float32, "true").has_value());
  CHECK(stored<float>(DType::Float32, "-Infinity") == -std::numeric_limits<float>::infinity());
  CHECK(stored<double>(DType::Float64, "1e308") == 1e308);
  CHECK(stored<std::uint16_t>(DType::Float16, "65519.99") == std::uint16_t{0x7bff});
  CHECK_FALSE(stored<std::uint16_t>(DType::Float16, "65520").has_value());
  CHECK(stored<std::uint16_t>(DType::Float16, "1.00048828125") == std::uint16_t{0x3c00});  // a tie, to even
  CHECK(stored<std::uint16_t>(DType::Float16, "1.0004882812500003") ==
        std::uint16_t{0x3c01});  // through a float, a tie
  CHECK(stored<std::uint16_t>(DType::Float16, "-0") == std::uint16_t{0x8000});
  CHECK(stored<std::uint16_t>(DType::Float16, "NaN") == std::uint16_t{0x7e00});
  CHECK(stored<std::uint16_t>(DType::BFloat16, "NaN") == std::uint16_t{0x7fc0});
  CHECK(stored<std::uint16_t>(DType::BFloat16, "1.0039062500000002") == std::uint16_t{0x3f81});
  CHECK_FALSE(stored<std::uint16_t>(DType::BFloat16, "3.4e38").has_value());
  CHECK(stored<std::uint16_t>(DType::BFloat16, "-Infinity") == std::uint16_t{0xff80});
}

TEST_CASE("types that JSON has no numbers for") {
  for (const DType type : {DType::String, DType::Float8E4M3FN, DType::Int4, DType::Float4E2M1, DType::Float8E8M0}) {
    CHECK((store_of(type) == nullptr));
  }
  CHECK_THROWS_AS(read_numbers({}, DType::String, {}), Error);
}

TEST_CASE("arrays are read one after the other, up to the first element that is refused") {
  const std::vector<std::string_view> arrays{"[1, 2]", "[[3],[ 4 ]]", "[]", "[5]"};
  std::vector<std::int32_t> numbers(5);
  const auto room = std::as_writable_bytes(std::span(numbers));
  CHECK_FALSE(read_numbers(arrays, DType::Int32, room).has_value());
  CHECK(numbers == std::vector<std::int32_t>{1, 2, 3, 4, 5});
  const std::vector<std::string_view> wrong{"[1, 2]", "[3, 0.5, 1e99]"};
  const auto refused = read_numbers(wrong, DType::Int32, room);
  REQUIRE(refused.has_value());
  CHECK(refused->index == 3);
  CHECK(refused->text == "0.5");
}

TEST_CASE("a text that has been changed since is refused, whatever it is now") {
  std::vector<float> numbers(2);
  const auto room = std::as_writable_bytes(std::span(numbers));
  for (const std::string_view text : {"[1,2,3]", "[1]", "[1,x]", "[1,\"2\"]", "", "[1,01]"}) {
    CAPTURE(text);
    try {
      read_numbers(std::span(&text, 1), DType::Float32, room);
      FAIL("it was read");
    } catch (const Error& error) {
      CHECK(error.code() == Code::Argument);
    }
  }
}

TEST_CASE("what is written with all of its digits comes back as it was") {
  std::mt19937_64 random(7);  // the same each time
  for (int i = 0; i < 20000; ++i) {
    const auto value = std::bit_cast<double>(random());
    if (!std::isfinite(value)) continue;
    char text[64];
    const auto end = std::to_chars(text, text + sizeof text, value).ptr;
    const auto back = stored<double>(DType::Float64, std::string_view(text, static_cast<std::size_t>(end - text)));
    REQUIRE(std::bit_cast<std::uint64_t>(back.value()) == std::bit_cast<std::uint64_t>(value));
  }
}
