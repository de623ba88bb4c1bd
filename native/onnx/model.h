// A loaded model: one session, one copy of the weights, run from any number of lanes at once.
#pragma once

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <mutex>
#include <set>
#include <span>
#include <string>
#include <variant>
#include <vector>

#include "core/dtype.h"
#include "core/lane.h"
#include "onnx/ort_api.h"

namespace tensorlane {

struct ValueInfo {
  std::string name;
  DType type;
  std::vector<std::int64_t> dims;      // -1 for a free dimension
  std::vector<std::string> dim_names;  // empty where the model gives none
};

struct ModelOptions {
  unsigned threads = 0;  // cores one run may use; 0 leaves it to the runtime
  int niceness = 0;      // of the runtime's threads
  int cuda_device = -1;  // the GPU to run on where the runtime can; -1: none
};

// One input of a run: its elements lie in `parts`, one after the other, in memory that outlives the run; or they are
// strings.
struct InputParts {
  std::vector<std::int64_t> dims;
  std::vector<std::span<const std::byte>> parts;
  std::vector<std::string> strings;
};

// One output of a run. The bytes belong to `value`, and live as long as it.
struct Output {
  explicit Output(const ort::Api& api) : value(api) {}

  ort::OwnedValue value;
  DType type = DType::Float32;
  std::vector<std::int64_t> dims;
  std::span<const std::byte> bytes;
  std::vector<std::string> strings;
};

class Model {
 public:
  // `source` is a path, or the model's bytes (which may go away afterwards). Errors: Model, NoRuntime.
  Model(const ort::Runtime& runtime, const std::string& path, const ModelOptions& options);
  Model(const ort::Runtime& runtime, std::span<const std::byte> bytes, const ModelOptions& options);

  [[nodiscard]] const std::vector<ValueInfo>& inputs() const noexcept { return inputs_; }
  [[nodiscard]] const std::vector<ValueInfo>& outputs() const noexcept { return outputs_; }

  // "cuda" or "cpu"; and why not cuda where a GPU was wanted.
  [[nodiscard]] const std::string& provider() const noexcept { return provider_; }
  [[nodiscard]] const std::string& fallback_reason() const noexcept { return fallback_reason_; }

  // Runs on the calling lane; `wanted` are indices of outputs. Errors: Model, OutOfMemory.
  std::vector<Output> run(Lane& lane, std::span<const InputParts> inputs, std::span<const std::size_t> wanted);

  // Makes the runs in progress return early with an error, and later ones refuse, for a teardown that waits for them.
  void terminate();

 private:
  ort::OwnedSessionOptions session_options(const ModelOptions& options);
  void use_cuda(ort::SessionOptions* session_options, int device);
  void describe();
  ort::OwnedValue make_input(const ValueInfo& info, const InputParts& input, std::byte*& staging) const;
  void read_output(Output& output) const;

  const ort::Runtime* runtime_;
  ort::OwnedSession session_;
  std::string provider_ = "cpu";
  std::string fallback_reason_;
  std::vector<ValueInfo> inputs_;
  std::vector<ValueInfo> outputs_;

  std::mutex running_mutex_;
  std::set<ort::RunOptions*> running_;
  bool terminated_ = false;
};

}  // namespace tensorlane
