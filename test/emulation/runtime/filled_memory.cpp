#include "runtime/filled_memory.h"

#include <sys/mman.h>
#include <unistd.h>

#include <algorithm>
#include <cstdint>
#include <cstring>

namespace emulation {

namespace {

constexpr std::size_t kWholePage = 4096;
constexpr std::size_t kFile = std::size_t{4} << 20;  // what one mapping fills: a process may have some 65,000
constexpr std::size_t kLarge = std::size_t{1} << 20;

int file_of(unsigned char byte) {
  const int file = memfd_create("emulation", MFD_CLOEXEC);
  if (file < 0) return -1;
  void* pages = ftruncate(file, kFile) == 0 ? mmap(nullptr, kFile, PROT_WRITE, MAP_SHARED, file, 0) : MAP_FAILED;
  if (pages == MAP_FAILED) {
    close(file);
    return -1;
  }
  std::memset(pages, byte, kFile);
  munmap(pages, kFile);
  return file;
}

}  // namespace

Pattern::Pattern(unsigned char byte) : byte_(byte), file_(file_of(byte)) {}

Pattern::~Pattern() {
  if (file_ >= 0) close(file_);
}

void Pattern::fill(void* memory, std::size_t bytes) const {
  auto* to = static_cast<char*>(memory);
  if (file_ >= 0 && bytes >= kLarge) {
    // Whole pages only: others may have the rest of the first one and of the last.
    const std::size_t before = (kWholePage - reinterpret_cast<std::uintptr_t>(to) % kWholePage) % kWholePage;
    std::memset(to, byte_, before);
    to += before;
    bytes -= before;
    while (bytes >= kWholePage) {
      const std::size_t part = std::min(kFile, bytes / kWholePage * kWholePage);
      constexpr int kFlags = MAP_PRIVATE | MAP_NORESERVE | MAP_FIXED;
      // Too many mappings, say: the rest is written.
      if (mmap(to, part, PROT_READ | PROT_WRITE, kFlags, file_, 0) == MAP_FAILED) break;
      to += part;
      bytes -= part;
    }
  }
  std::memset(to, byte_, bytes);
}

}  // namespace emulation
