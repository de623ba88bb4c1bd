// A sum over numbers and texts in their order, which tells apart what differs by accident. It stands for no defence against
// attackers: whoever can change a kept finding can say as well that rows are independent.
//
// As FNV-1a, 64 bits (http://www.isthe.com/chongo/tech/comp/fnv/), of eight bytes at a time, whose high bits are folded in.
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <span>
#include <string_view>

namespace tensorlane::graph {

// So much of a tensor's bytes is read to tell it from others: two trainings have no float in common.
inline constexpr std::size_t kSampledBytes = 4096;

class Sum {
 public:
  void add(std::uint64_t number) {
    value_ = (value_ ^ number) * 0x100000001b3ULL;
    value_ ^= value_ >> 32U;
  }
  void add(std::span<const std::byte> bytes) {
    add(bytes.size());
    for (std::size_t at = 0; at < bytes.size(); at += sizeof(std::uint64_t)) {
      std::uint64_t word = 0;
      std::memcpy(&word, bytes.data() + at, std::min(sizeof word, bytes.size() - at));
      add(word);
    }
  }
  void add(std::string_view text) { add(std::as_bytes(std::span(text))); }

  [[nodiscard]] std::uint64_t value() const noexcept { return value_; }

 private:
  std::uint64_t value_ = 0xcbf29ce484222325ULL;
};

}  // namespace tensorlane::graph
