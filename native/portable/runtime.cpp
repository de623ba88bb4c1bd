// What the libraries that a package has inside (libstdc++, OpenBLAS) expect of a newer glibc, and of Fortran's runtime: so that the
// addon needs neither. Nothing of it is seen outside of the addon.

#include <sys/syscall.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstdarg>
#include <cstddef>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <cstring>

extern "C" {

// glibc 2.32. Never true here: libuv has threads.
char __libc_single_threaded = 0;

// glibc 2.25.
int getentropy(void* buffer, size_t size) {
  auto* to = static_cast<char*>(buffer);
  while (size > 0) {
    const long got = syscall(SYS_getrandom, to, size, 0);
    if (got < 0 && errno == EINTR) continue;
    if (got < 0) return -1;
    to += got;
    size -= static_cast<size_t>(got);
  }
  return 0;
}

// glibc 2.30.
pid_t gettid() { return static_cast<pid_t>(syscall(SYS_gettid)); }

// glibc 2.36. It cannot fail, so that what cannot be had of the kernel ends the process.
uint32_t arc4random() {
  uint32_t value = 0;
  if (getentropy(&value, sizeof value) != 0) abort();
  return value;
}

// glibc 2.38: what these are called with the headers of C23, where they know binary numbers too. OpenBLAS reads its environment variables
// with them, and the kernel's names of the CPUs.
long __isoc23_strtol(const char* text, char** end, int base) { return strtol(text, end, base); }
unsigned long __isoc23_strtoul(const char* text, char** end, int base) { return strtoul(text, end, base); }
int __isoc23_sscanf(const char* text, const char* format, ...) {
  va_list values;
  va_start(values, format);
  const int read = vsscanf(text, format, values);
  va_end(values);
  return read;
}

// libgfortran: a // b, with blanks up to the length of the result. LAPACK makes the names of its options so.
void _gfortran_concat_string(size_t size, char* result, size_t first_size, const char* first, size_t second_size,
                             const char* second) {
  const size_t from_first = std::min(size, first_size);
  std::memcpy(result, first, from_first);
  const size_t from_second = std::min(size - from_first, second_size);
  std::memcpy(result + from_first, second, from_second);
  std::memset(result + from_first + from_second, ' ', size - from_first - from_second);
}
}
