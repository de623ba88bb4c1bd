// A session's CUDA graphs, as the CUDA provider has them: each thread has a stream of its own, on which all of its runs compute, and
// graphs of its own, by the ids that runs bring. The first runs of an id are plain, so that all memory has been taken once; the next one
// is captured, and every later one replays it, on the stream of the thread. Id -1 is never captured.
#pragma once

#include <cuda_runtime_api.h>

#include <map>
#include <mutex>
#include <thread>
#include <vector>

#include "provider/ort.h"

namespace emulated_provider {

// By "gpu_graph_id"; 0 where the run brings none.
int graph_of(const RunOptions* run);

class Graphs {
 public:
  explicit Graphs(int device) : device_(device) {}
  ~Graphs();
  Graphs(const Graphs&) = delete;
  Graphs& operator=(const Graphs&) = delete;

  // Of the calling thread, as all that follows. Errors: Failure.
  [[nodiscard]] cudaStream_t stream();
  void begin_run(int id);
  // Also of a run that failed, of which a part may have been captured.
  void end_run(int id, bool synchronizes);
  [[nodiscard]] bool has(int id) const;
  void replay(int id);

 private:
  struct Graph {
    cudaGraphExec_t exec = nullptr;
    std::vector<void*> memory;
  };
  struct OfThread {
    cudaStream_t stream = nullptr;
    std::map<int, int> plain_runs;
    std::map<int, Graph> captured;
    bool captures = false;
    std::vector<void*> memory;  // of the capture in hand
  };

  [[nodiscard]] OfThread& mine();
  void capture(OfThread& thread, int id);

  int device_;
  mutable std::mutex mutex_;  // guards the map; its values are their threads'
  std::map<std::thread::id, OfThread> threads_;
};

}  // namespace emulated_provider
