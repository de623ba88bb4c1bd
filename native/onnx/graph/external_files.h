// The files that a model's weights lie in, beside it: read where a weight begins, as far as that tells it from others.
#pragma once

#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <map>
#include <memory>
#include <optional>
#include <span>
#include <string>

#include "onnx/graph/graph.h"
#include "onnx/graph/wire.h"

namespace tensorlane::graph {

class ExternalFiles {
 public:
  // The files of a model at a path are beside it; one that is given in memory has none on the disk.
  explicit ExternalFiles(const std::string* model_path);

  // In memory, instead of what is on the disk; the bytes must outlive it.
  void give(const std::string& location, std::span<const std::byte> bytes);

  // 0 where nothing can be read there: loading the model says so.
  [[nodiscard]] std::uint64_t sum_of(const External& external);

 private:
  // Null where it cannot be read.
  ByteSource* open(const std::string& location);

  std::optional<std::filesystem::path> folder_;
  std::map<std::string, std::unique_ptr<ByteSource>> files_;  // by location; null: cannot be read
};

}  // namespace tensorlane::graph
