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
  // With `turns` no two of them are at once, and each is by its graph's id (graphs.h): of a session that records graphs.
  explicit Runs(const ort::Runtime& runtime, bool turns = false) : runtime_(&runtime), turns_(turns) {}

  static constexpr int kNoGraph = -1;

  // One of them, for as long as this lives, with the options that it must be given to be ended by.
  class Run {
   public:
    // Errors: Disposed, after terminate().
    Run(Runs& runs, const RunLog& log, int graph = kNoGraph);
    ~Run();
    Run(const Run&) = delete;
    Run& operator=(const Run&) = delete;

    [[nodiscard]] ort::RunOptions* options() const noexcept { return options_.get(); }

   private:
    Runs& runs_;
    ort::OwnedRunOptions options_;
    std::unique_lock<std::mutex> turn_;
  };

  // Those in progress return early with an error, and no other starts. From any thread.
  void terminate();

 private:
  const ort::Runtime* runtime_;
  const bool turns_;
  std::mutex turn_;   // held while the model runs, where they take turns
  std::mutex mutex_;  // guards all below; never held while the model runs
  std::set<ort::RunOptions*> in_progress_;
  bool terminated_ = false;
};

}  // namespace tensorlane
