// Where a model comes from: a path, or the model's bytes, which may go away once it is loaded. Whoever asks for its graph has
// the same one, which is read once.
#pragma once

#include <cstddef>
#include <memory>
#include <mutex>
#include <optional>
#include <span>
#include <string>
#include <utility>
#include <variant>

#include "onnx/graph/graph.h"

namespace tensorlane {

class ModelSource {
 public:
  ModelSource(std::string path) : from_(std::move(path)) {}        // NOLINT(google-explicit-constructor)
  ModelSource(std::span<const std::byte> bytes) : from_(bytes) {}  // NOLINT(google-explicit-constructor)

  // Null where it is bytes.
  [[nodiscard]] const std::string* path() const noexcept { return std::get_if<std::string>(&from_); }
  // Where it is no path.
  [[nodiscard]] std::span<const std::byte> bytes() const { return std::get<std::span<const std::byte>>(from_); }

  // From any thread. Errors: graph::Malformed, where it cannot be read (in ONNX Runtime's own format, say).
  [[nodiscard]] std::shared_ptr<const graph::ModelGraph> graph() const;

 private:
  std::variant<std::string, std::span<const std::byte>> from_;
  mutable std::mutex mutex_;  // of what follows
  mutable std::shared_ptr<const graph::ModelGraph> graph_;
  mutable std::optional<std::string> problem_;  // why there is none
};

}  // namespace tensorlane
