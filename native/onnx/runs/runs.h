// The runs of one model that are in progress, so that a teardown can end them early.
#pragma once

#include <mutex>
#include <optional>
#include <set>
#include <string>

#include "onnx/runtime/runtime.h"

namespace tensorlane {

// How the runtime's log tells of one run. What is left out is the session's.
struct RunLog {
  std::optional<int> severity_level;
  std::optional<int> verbosity_level;
  std::optional<std::string> tag;
};

class Runs {
 public:
  explicit Runs(const ort::Runtime& runtime) : runtime_(&runtime) {}

  // One of them, for as long as this lives, with the options that it must be given to be ended by.
  class Run {
   public:
    // Errors: Disposed, after terminate().
    Run(Runs& runs, const RunLog& log);
    ~Run();
    Run(const Run&) = delete;
    Run& operator=(const Run&) = delete;

    [[nodiscard]] ort::RunOptions* options() const noexcept { return options_.get(); }

   private:
    Runs& runs_;
    ort::OwnedRunOptions options_;
  };

  // Those in progress return early with an error, and no other starts. From any thread.
  void terminate();

 private:
  const ort::Runtime* runtime_;
  std::mutex mutex_;  // guards all below; never held while the model runs
  std::set<ort::RunOptions*> in_progress_;
  bool terminated_ = false;
};

}  // namespace tensorlane
