// What ThreadSanitizer must not judge: ONNX Runtime is not instrumented, so what its threads hand to one another by atomics of their own
// looks as if they did so without order. Nothing where no such sanitizer is.
#pragma once

#ifdef __SANITIZE_THREAD__
extern "C" {
void AnnotateIgnoreReadsBegin(const char* file, int line);
void AnnotateIgnoreReadsEnd(const char* file, int line);
void AnnotateIgnoreWritesBegin(const char* file, int line);
void AnnotateIgnoreWritesEnd(const char* file, int line);
}
#endif

namespace tensorlane::ort {

// For as long as it lives, what the calling thread reads and writes is not judged.
class Unseen {
 public:
  Unseen() noexcept {
    begin();
    unseen_ = true;
  }
  ~Unseen() {
    unseen_ = false;
    end();
  }
  Unseen(const Unseen&) = delete;
  Unseen& operator=(const Unseen&) = delete;

  // In between, for code of ours that such a thread calls, or another one: it is judged.
  class Seen {
   public:
    Seen() noexcept {
      if (unseen_) end();
    }
    ~Seen() {
      if (unseen_) begin();
    }
    Seen(const Seen&) = delete;
    Seen& operator=(const Seen&) = delete;
  };

 private:
  static inline thread_local bool unseen_ = false;

#ifdef __SANITIZE_THREAD__
  static void begin() noexcept {
    AnnotateIgnoreReadsBegin(__FILE__, __LINE__);
    AnnotateIgnoreWritesBegin(__FILE__, __LINE__);
  }
  static void end() noexcept {
    AnnotateIgnoreWritesEnd(__FILE__, __LINE__);
    AnnotateIgnoreReadsEnd(__FILE__, __LINE__);
  }
#else
  static void begin() noexcept {}
  static void end() noexcept {}
#endif
};

}  // namespace tensorlane::ort
