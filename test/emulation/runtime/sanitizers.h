// What the sanitizers are told. Without them every call here is empty.
//
// AddressSanitizer: which bytes of device memory are alive, and which stack a fiber runs on.
// ThreadSanitizer: what is ordered by CUDA's rules, and nothing else (see Quiet in state.h).
#pragma once

#include <cstddef>

#if defined(__SANITIZE_ADDRESS__)
#define EMULATION_ASAN 1
#elif defined(__has_feature)
#if __has_feature(address_sanitizer)
#define EMULATION_ASAN 1
#endif
#endif

// The runtime's scheduler is built without ThreadSanitizer even where the rest is, so the build says it.
#if defined(__SANITIZE_THREAD__) || defined(EMULATION_THREAD_SANITIZER)
#define EMULATION_TSAN 1
#elif defined(__has_feature)
#if __has_feature(thread_sanitizer)
#define EMULATION_TSAN 1
#endif
#endif

#ifdef EMULATION_ASAN
#include <sanitizer/asan_interface.h>
#include <sanitizer/common_interface_defs.h>
#endif

#ifdef EMULATION_TSAN
#include <sanitizer/tsan_interface.h>
extern "C" {
void AnnotateIgnoreReadsBegin(const char* file, int line);
void AnnotateIgnoreReadsEnd(const char* file, int line);
void AnnotateIgnoreWritesBegin(const char* file, int line);
void AnnotateIgnoreWritesEnd(const char* file, int line);
void AnnotateIgnoreSyncBegin(const char* file, int line);
void AnnotateIgnoreSyncEnd(const char* file, int line);
}
#endif

namespace emulation {

#ifdef EMULATION_TSAN
inline constexpr bool kThreadSanitizer = true;
#else
inline constexpr bool kThreadSanitizer = false;
#endif

inline void poison([[maybe_unused]] const void* address, [[maybe_unused]] std::size_t bytes) {
#ifdef EMULATION_ASAN
  __asan_poison_memory_region(address, bytes);
#endif
}

inline void unpoison([[maybe_unused]] const void* address, [[maybe_unused]] std::size_t bytes) {
#ifdef EMULATION_ASAN
  __asan_unpoison_memory_region(address, bytes);
#endif
}

// What came before a release() of an object comes before what follows a later acquire() of it.
inline void release([[maybe_unused]] void* object) {
#ifdef EMULATION_TSAN
  __tsan_release(object);
#endif
}

inline void acquire([[maybe_unused]] void* object) {
#ifdef EMULATION_TSAN
  __tsan_acquire(object);
#endif
}

// Hides what the calling thread does from ThreadSanitizer: its reads and writes, and the order that its locks make.
inline void hide_begin() {
#ifdef EMULATION_TSAN
  AnnotateIgnoreSyncBegin(__FILE__, __LINE__);
  AnnotateIgnoreReadsBegin(__FILE__, __LINE__);
  AnnotateIgnoreWritesBegin(__FILE__, __LINE__);
#endif
}

inline void hide_end() {
#ifdef EMULATION_TSAN
  AnnotateIgnoreWritesEnd(__FILE__, __LINE__);
  AnnotateIgnoreReadsEnd(__FILE__, __LINE__);
  AnnotateIgnoreSyncEnd(__FILE__, __LINE__);
#endif
}

}  // namespace emulation
