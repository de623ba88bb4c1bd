// Memory in which every byte is the same, without each having been written: large ranges are mapped to pages that are so already, and
// a page becomes the range's own where something is written to it. What a device's memory is filled with when its life begins and ends
// is then a few calls, and no more real memory than is used.
#pragma once

#include <cstddef>

namespace emulation {

class Pattern {
 public:
  explicit Pattern(unsigned char byte);
  ~Pattern();
  Pattern(const Pattern&) = delete;
  Pattern& operator=(const Pattern&) = delete;

  // Private, anonymous memory that may be read and written.
  void fill(void* memory, std::size_t bytes) const;

 private:
  unsigned char byte_;
  int file_;  // full of it; -1 where there is none to be had
};

}  // namespace emulation
