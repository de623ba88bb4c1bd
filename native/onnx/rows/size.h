// A dimension's size, as a product: a number, times symbols for what is only known when a request comes. One of them is the
// number of rows in a batch.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <vector>

namespace tensorlane::rows {

using Symbol = std::uint32_t;

inline constexpr Symbol kBatch = 0;

class Size {
 public:
  Size(std::int64_t number = 1) : number_(number) {}  // NOLINT(google-explicit-constructor): a number is a size
  static Size of(Symbol symbol);

  [[nodiscard]] bool is_number() const noexcept { return symbols_.empty(); }
  [[nodiscard]] bool is(std::int64_t number) const noexcept { return is_number() && number_ == number; }
  // Where it is one.
  [[nodiscard]] std::int64_t number() const noexcept { return number_; }
  // How often the number of rows is a factor of it.
  [[nodiscard]] std::size_t batches() const noexcept;

  friend bool operator==(const Size&, const Size&) = default;
  // None, where it is too large.
  friend std::optional<Size> multiply(const Size& a, const Size& b);
  // None, where it is not known to be without remainder.
  friend std::optional<Size> divide(const Size& a, const Size& b);

 private:
  std::int64_t number_;
  std::vector<Symbol> symbols_;  // sorted; none where the number is 0
};

std::optional<Size> multiply(const Size& a, const Size& b);
std::optional<Size> divide(const Size& a, const Size& b);

using Sizes = std::vector<Size>;

// Of the dimensions from `begin` to before `end`.
std::optional<Size> product(const Sizes& sizes, std::size_t begin, std::size_t end);

// The symbols of one examination: one for each name, and new ones.
class Symbols {
 public:
  Size fresh() { return Size::of(next_++); }
  Size named(const std::string& name);
  // So many, each of its own.
  Sizes fresh_list(std::size_t count);

 private:
  Symbol next_ = kBatch + 1;
  std::map<std::string, Symbol> names_;
};

}  // namespace tensorlane::rows
