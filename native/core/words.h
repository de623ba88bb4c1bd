// The words that requests and messages have for the values of an enum: one table each, beside the enum.
//
//   template <>
//   struct Words<SvdMode> {
//     static constexpr std::array kTable{Word{SvdMode::Thin, "thin"}, ...};
//   };
#pragma once

#include <array>
#include <optional>
#include <string>
#include <string_view>

namespace tensorlane {

template <typename Enum>
struct Word {
  Enum value;
  std::string_view word;
};
// Compilers that are not told deduce it from an aggregate only since C++20 is complete in them.
template <typename Enum>
Word(Enum, const char*) -> Word<Enum>;

template <typename Enum>
struct Words;

// Empty where there is none.
template <typename Enum>
constexpr std::string_view word_of(Enum value) {
  for (const Word<Enum>& row : Words<Enum>::kTable) {
    if (row.value == value) return row.word;
  }
  return {};
}

template <typename Enum>
constexpr std::optional<Enum> find_word(std::string_view word) {
  for (const Word<Enum>& row : Words<Enum>::kTable) {
    if (row.word == word) return row.value;
  }
  return std::nullopt;
}

// For messages: "'thin', 'full' or 'values'".
template <typename Enum>
std::string all_words() {
  const auto& table = Words<Enum>::kTable;
  std::string text;
  for (std::size_t i = 0; i < table.size(); ++i) {
    if (i != 0) text.append(i + 1 == table.size() ? " or " : ", ");
    text.append("'").append(table[i].word).append("'");
  }
  return text;
}

}  // namespace tensorlane
