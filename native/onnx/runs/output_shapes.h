// The dims that a model's outputs had, by those of its inputs: where they are known before it runs, it writes to memory that is there.
//
// They are only expected: outputs may depend on what the inputs' elements are. Where that shows, nothing is expected of such inputs any more.
#pragma once

#include <cstddef>
#include <cstdint>
#include <map>
#include <mutex>
#include <span>
#include <vector>

#include "onnx/values/values.h"

namespace tensorlane {

class OutputShapes {
 public:
  using Dims = std::vector<std::int64_t>;

  // What stands for inputs of these dims, and the outputs that are wanted.
  static Dims key_of(std::span<const InputParts> inputs, std::span<const std::size_t> wanted) {
    Dims key;
    for (const InputParts& input : inputs) {
      key.push_back(input.form == ValueForm::None ? -1 : static_cast<std::int64_t>(input.dims.size()));
      key.insert(key.end(), input.dims.begin(), input.dims.end());
    }
    for (const std::size_t index : wanted) key.push_back(static_cast<std::int64_t>(index));
    return key;
  }

  // Of each output; of none where they are not known. From any thread, as what follows.
  [[nodiscard]] std::vector<Dims> expected(const Dims& key) {
    const std::lock_guard lock(mutex_);
    const auto found = shapes_.find(key);
    return found == shapes_.end() ? std::vector<Dims>() : found->second;
  }

  void learn(const Dims& key, const std::vector<Dims>& outputs) {
    const std::lock_guard lock(mutex_);
    if (shapes_.size() >= kMost) shapes_.clear();
    shapes_.try_emplace(key, outputs);
  }

  void doubt(const Dims& key) {
    const std::lock_guard lock(mutex_);
    shapes_[key].clear();
  }

 private:
  static constexpr std::size_t kMost = 1024;

  std::mutex mutex_;                          // guards what follows
  std::map<Dims, std::vector<Dims>> shapes_;  // empty: not to be known
};

}  // namespace tensorlane
