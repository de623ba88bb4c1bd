#include "onnx/rows/size.h"

#include <algorithm>
#include <iterator>

namespace tensorlane::rows {

Size Size::of(Symbol symbol) {
  Size size;
  size.symbols_.push_back(symbol);
  return size;
}

std::size_t Size::batches() const noexcept { return static_cast<std::size_t>(std::ranges::count(symbols_, kBatch)); }

std::optional<Size> multiply(const Size& a, const Size& b) {
  Size result;
  if (__builtin_mul_overflow(a.number_, b.number_, &result.number_)) return std::nullopt;
  if (result.number_ == 0) return result;
  std::ranges::merge(a.symbols_, b.symbols_, std::back_inserter(result.symbols_));
  return result;
}

std::optional<Size> divide(const Size& a, const Size& b) {
  if (b.number_ == 0 || b.number_ == -1 || a.number_ % b.number_ != 0) return std::nullopt;
  if (!std::ranges::includes(a.symbols_, b.symbols_)) return std::nullopt;
  Size result(a.number_ / b.number_);
  std::ranges::set_difference(a.symbols_, b.symbols_, std::back_inserter(result.symbols_));
  return result;
}

std::optional<Size> product(const Sizes& sizes, std::size_t begin, std::size_t end) {
  std::optional<Size> result = Size(1);
  for (std::size_t i = begin; i < end && result.has_value(); ++i) result = multiply(*result, sizes[i]);
  return result;
}

Size Symbols::named(const std::string& name) {
  if (name.empty()) return fresh();
  const auto [at, added] = names_.try_emplace(name, next_);
  if (added) ++next_;
  return Size::of(at->second);
}

Sizes Symbols::fresh_list(std::size_t count) {
  Sizes sizes;
  for (std::size_t i = 0; i < count; ++i) sizes.push_back(fresh());
  return sizes;
}

}  // namespace tensorlane::rows
