// Threads that help an operation with its parts, where it has many. The rules they keep:
//
// 1. run() returns when all parts are done. The caller takes parts as well, so it never waits for one that nobody has begun.
// 2. What a part computes does not depend on who does: a body is told which slot it has, for memory of its own, and which part.
// 3. There are no threads before they are first wanted. They sleep while there is nothing to do, and end with the process.
// 4. They stand back behind the JS thread as lanes do, and there are never more than the cores that are left by one caller.
// 5. Threads that cannot be had are done without: it then takes longer, and does not fail.
#pragma once

#include <condition_variable>
#include <cstddef>
#include <functional>
#include <mutex>
#include <vector>

namespace tensorlane::cpu::small {

class Crew {
 public:
  // Of a slot, which is 0 for the caller and at most the number of helpers asked for, and of a part. Must not throw.
  using Body = std::function<void(std::size_t slot, std::size_t part)>;

  // The process's.
  static Crew& shared();

  // On any thread, on several at once.
  void run(std::size_t parts, std::size_t helpers, const Body& body);

 private:
  // On the stack of run().
  struct Job {
    const Body& body;
    std::size_t parts;
    std::size_t helpers;      // that may join
    std::size_t begun = 0;    // parts that somebody does, or has done
    std::size_t joined = 0;   // helpers that have
    std::size_t working = 0;  // of those, still

    [[nodiscard]] bool wants_help() const noexcept { return begun < parts && joined < helpers; }
  };

  void start(std::size_t helpers);  // with the lock
  void help();
  // With the lock, which it lets go of while it works.
  void work(Job& job, std::size_t slot, std::unique_lock<std::mutex>& lock);
  [[nodiscard]] Job* wanting() noexcept;  // with the lock

  std::mutex mutex_;  // guards what follows, and all jobs
  std::condition_variable work_;
  std::condition_variable done_;
  std::vector<Job*> jobs_;
  std::size_t threads_ = 0;
};

}  // namespace tensorlane::cpu::small
