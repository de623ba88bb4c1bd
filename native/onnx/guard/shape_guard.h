// What ONNX Runtime ends the process for, found before it runs, as nobody could catch it. Which kernels that are, and what they need, is in
// operator_needs.h; the runtime looks at ranks as it loads a model, as far as it knows them then: not those of inputs that are declared
// without a shape, nor what a Squeeze without axes leaves.
//
// So shapes are followed through the graph where a request's might be such, and with them the elements of the inputs that decide
// (deciding_inputs.h). A rank or size that stays unknown is let through; a value that may have no elements is not, where a kernel takes none
// such anywhere.
#pragma once

#include <cstdint>
#include <memory>
#include <mutex>
#include <optional>
#include <set>
#include <span>
#include <string>
#include <vector>

#include "onnx/session/model_source.h"
#include "onnx/values/values.h"

namespace tensorlane {

class ShapeGuard {
 public:
  // Before the runtime loads the model. Where the graph cannot be read nothing is looked at. Errors: Model, for what ends the process as
  // it is loaded, or with whatever inputs.
  explicit ShapeGuard(const ModelSource& source);

  // From any thread. Errors: Shape.
  void check(std::span<const InputParts> inputs, std::span<const ValueInfo> infos);

 private:
  // Of each input, where it decides and has few; none of any where none does.
  using Elements = std::vector<std::optional<std::vector<std::int64_t>>>;
  [[nodiscard]] Elements elements_of(std::span<const InputParts> inputs, std::span<const ValueInfo> infos) const;
  void look_at(std::span<const InputParts> inputs, std::span<const ValueInfo> infos, const Elements& elements,
               bool has_empty) const;

  std::shared_ptr<const graph::ModelGraph> graph_;  // null: no request needs to be looked at
  bool settled_ = true;        // as the model is loaded: ranks, and sizes that have to fit each other
  bool sizes_matter_ = false;  // some of size 0 will not do
  std::vector<const graph::Node*> need_elements_;  // wherever in the graph they are
  std::set<std::string> deciding_;                 // names of inputs
  std::mutex mutex_;
  std::set<std::vector<std::int64_t>>
      right_;  // guarded by mutex_; dims of requests that were found right, with what decides
};

}  // namespace tensorlane
