// What is known of a value: how it comes of the rows of a batch.
#pragma once

#include <cstddef>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "onnx/rows/size.h"

namespace tensorlane::rows {

enum class Kind {
  // The same for all rows, and for any number of them.
  Shared,
  // Each row's part comes of that row alone, and lies along one axis, whose size is outer * rows * inner: [[1, 2], [3, 4]]
  // with rows (1, 2) and (3, 4) has axis 0; flattened it is one axis with an inner of 2.
  Rows,
  // Like Rows, but of integers that come of the number of each row in the batch, its place, and of what all rows share: those of
  // row i are from i * stride on, and before i * stride + below. Exporters make masks of them. What one row has of them is
  // another in another place, so they are good only for picking each row's own elements: see numbers.cpp.
  Numbers,
  // A row's part may depend on other rows, or on how many there are.
  Mixed,
  // Not known; `why` says of what node.
  Doubtful,
};

struct Fact {
  Kind kind = Kind::Shared;
  // Of Rows and Numbers.
  std::size_t axis = 0;
  Size outer = 1;
  Size inner = 1;
  // Of Numbers.
  Size stride = 1;
  // Of Numbers: the last axis begins with the row's number, and goes on with indices of its own.
  bool leads = false;
  // Of Numbers, see there. Of shared integers: they are at least 0, and less than this; none where that is not known.
  std::optional<Size> below;
  // None: of unknown rank.
  std::optional<Sizes> shape;
  // Of a small tensor of integers, in row-major order, where they are known. Only they may hold the number of rows.
  std::optional<Sizes> elements;
  // Of a small tensor of floats that the model holds.
  std::optional<std::vector<float>> reals;
  // Of Mixed and Doubtful.
  std::string why;
  // Of Doubtful: the axis of the rows, if what is not known leaves them where they were.
  std::optional<std::size_t> supposed;

  [[nodiscard]] bool is(Kind other) const noexcept { return kind == other; }
  [[nodiscard]] bool is_rows() const noexcept { return kind == Kind::Rows; }
  [[nodiscard]] std::optional<std::size_t> rank() const {
    return shape.has_value() ? std::optional(shape->size()) : std::nullopt;
  }

  static Fact shared(std::optional<Sizes> shape = std::nullopt, std::optional<Sizes> elements = std::nullopt) {
    Fact fact;
    fact.shape = std::move(shape);
    fact.elements = std::move(elements);
    return fact;
  }
  static Fact unknown(Kind kind, std::string why) {
    Fact fact;
    fact.kind = kind;
    fact.why = std::move(why);
    return fact;
  }
  static Fact mixed(std::string why) { return unknown(Kind::Mixed, std::move(why)); }
  static Fact doubtful(std::string why) { return unknown(Kind::Doubtful, std::move(why)); }
  // Rows along another axis, as those of `like` otherwise.
  static Fact rows(const Fact& like, std::size_t axis, std::optional<Sizes> shape) {
    Fact fact;
    fact.kind = Kind::Rows;
    fact.axis = axis;
    fact.outer = like.outer;
    fact.inner = like.inner;
    fact.shape = std::move(shape);
    return fact;
  }
};

}  // namespace tensorlane::rows
