// Whatever a text's bytes are, what is taken out of it are arrays of numbers, as many as their dims say, and the outline is the rest; what is
// read of them and printed is found and read the same again.
//
// Built and run by `npm run fuzz` (scripts/test/fuzz.mjs), with libFuzzer.
#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <cstring>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "json/outline.h"
#include "json/print.h"
#include "json/read.h"

namespace {

using tensorlane::DType;
using namespace tensorlane::json;

void require(bool holds) {
  if (!holds) std::abort();
}

constexpr DType kTypes[] = {DType::Float64, DType::Float32, DType::Float16, DType::BFloat16, DType::Int64,
                            DType::UInt64,  DType::Int32,   DType::UInt8,   DType::Bool};

// Empty where an element was refused.
std::vector<std::byte> elements_of(std::string_view text, std::size_t count, DType type) {
  std::vector<std::byte> elements(count * tensorlane::byte_size(type, 1));
  const auto refused = read_numbers(std::span(&text, 1), type, elements);
  if (!refused.has_value()) return elements;
  require(refused->index < count && !refused->text.empty());
  return {};
}

// Of the first element's bits; all NaNs are one.
bool is_same(const std::vector<std::byte>& a, const std::vector<std::byte>& b, DType type) {
  if (type == DType::Float16 || type == DType::BFloat16) return a == b;
  const auto as = [&]<typename T>(T) {
    for (std::size_t i = 0; i + sizeof(T) <= a.size(); i += sizeof(T)) {
      T x{};
      T y{};
      std::memcpy(&x, a.data() + i, sizeof(T));
      std::memcpy(&y, b.data() + i, sizeof(T));
      if (!(x != x && y != y) && std::memcmp(&x, &y, sizeof(T)) != 0) return false;
    }
    return a.size() == b.size();
  };
  if (type == DType::Float32) return as(0.0F);
  if (type == DType::Float64) return as(0.0);
  return a == b;
}

void check_array(std::string_view text, const NumberArray& array) {
  std::vector<std::int64_t> dims;
  std::size_t count = 1;
  for (const std::size_t dim : array.dims) {
    dims.push_back(static_cast<std::int64_t>(dim));
    count *= dim;
  }
  for (const DType type : kTypes) {
    const std::vector<std::byte> elements = elements_of(text, count, type);
    if (elements.empty()) continue;
    for (const Style style : {Style::Shortest, Style::TensorFlow}) {
      for (const Layout layout : {Layout::Flat, Layout::Rows, Layout::Lines}) {
        std::string printed = print_numbers(type, elements, dims, {.style = style, .layout = layout}).text;
        if (layout != Layout::Lines) printed = "[" + printed + "]";
        const Outline again = outline(printed, 1);
        require(again.text == "[]" && again.arrays.size() == 1);
        require(layout == Layout::Flat || again.arrays[0].dims == array.dims);
        require(is_same(elements, elements_of(printed, count, type), type));
      }
    }
  }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  if (size == 0) return 0;
  const std::size_t least = data[0] % 8;
  const std::string_view text(reinterpret_cast<const char*>(data) + 1, size - 1);
  const Outline found = outline(text, least);
  std::string whole;
  std::size_t outline_at = 0;
  std::size_t text_at = 0;
  for (const NumberArray& array : found.arrays) {
    require(text_at <= array.begin && array.begin < array.end && array.end <= text.size());
    const std::size_t kept = array.begin - text_at;
    whole += found.text.substr(outline_at, kept);
    require(found.text.substr(outline_at + kept, 2) == "[]");
    outline_at += kept + 2;
    const std::string_view taken = text.substr(array.begin, array.end - array.begin);
    whole += taken;
    text_at = array.end;
    check_array(taken, array);
  }
  whole += found.text.substr(outline_at);
  require(whole == text);
  return 0;
}
