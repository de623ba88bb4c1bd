// What is done to a tensor on its way into a model or out of it, by the operations of the device in whose memory it lies: images are
// made what vision models take, elements cast, rows made probabilities or unit vectors, the largest of each row found.
//
// Every step keeps the items of the leading dimension apart. It says what it makes of a type and of dims, of which free ones are -1: so
// what a model takes and gives is known when it is loaded; with all dims known, a step runs.
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "core/dtype.h"
#include "core/words.h"
#include "device/memory.h"

namespace tensorlane {

class Lane;
class TensorOperations;

enum class StepKind { ImageToTensor, Cast, Softmax, L2Normalize, TopK };

template <>
struct Words<StepKind> {
  static constexpr std::array kTable{
      Word{StepKind::ImageToTensor, "imageToTensor"}, Word{StepKind::Cast, "cast"}, Word{StepKind::Softmax, "softmax"},
      Word{StepKind::L2Normalize, "l2Normalize"},     Word{StepKind::TopK, "topK"},
  };
};

struct Step {
  StepKind kind{};
  // imageToTensor, as ImageToTensorArgs has it. A side of 0: as what comes next takes it, else the image's own.
  std::int64_t height = 0, width = 0;
  float scale = 1;
  std::vector<float> mean{0}, deviation{1};  // one for all channels, or one for each
  bool swap_red_blue = false;
  // cast. None: what the step before gives, and what the model takes.
  std::optional<DType> from{}, to{};
  // topK, which gives values and, as another output of this name, indices.
  std::int64_t k = 0;
  std::string indices{};
};

// Those of each value, by its name.
using StepsByName = std::vector<std::pair<std::string, std::vector<Step>>>;

// A tensor's type and dims; of one whose rank is not known, no dims.
struct Form {
  DType type = DType::Float32;
  bool ranked = true;
  std::vector<std::int64_t> dims{};

  // Errors: Shape where they cannot be counted.
  [[nodiscard]] std::size_t bytes() const;
};

// What has to be given so that the steps make of it what is `taken`; what a step leaves open is filled in. `what` names the input in
// messages. Errors: Argument.
Form form_before(const std::string& what, std::vector<Step>& steps, const Form& taken);

// What the steps make of what is given: of topK two, else one. Errors: Argument, Shape.
std::vector<Form> forms_after(const std::string& what, const std::vector<Step>& steps, const Form& given);

struct Made {
  Form form;
  Operand elements;
};

// Memory of so many bytes, of the kind that the operations write to. Errors: OutOfMemory.
using TakeMemory = std::function<Operand(std::size_t bytes)>;

// On a lane; the last of what is made may lie in the memory of `given`. Errors: those of forms_after, and of the operations.
std::vector<Made> run_steps(TensorOperations& operations, Lane& lane, const std::string& what,
                            const std::vector<Step>& steps, Made given, const TakeMemory& take);

}  // namespace tensorlane
