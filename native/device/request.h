// What an operation is asked for: values and operands by their names, in whatever form the asker keeps them. The
// operations' Args read themselves from one, and so check every size against the operands; once more than lib/ does,
// because a wrong one would be a wild write.
//
// Errors of all readings: Argument where there is no such value, or it is of another kind or out of range.
#pragma once

#include <cstddef>
#include <cstdint>
#include <initializer_list>
#include <string>
#include <vector>

#include "core/dtype.h"
#include "core/error.h"
#include "core/words.h"
#include "device/memory.h"

namespace tensorlane {

class Request {
 public:
  [[nodiscard]] virtual std::int64_t integer(const char* name) const = 0;
  [[nodiscard]] virtual float number(const char* name) const = 0;
  [[nodiscard]] virtual bool flag(const char* name) const = 0;
  [[nodiscard]] virtual std::string text(const char* name) const = 0;
  [[nodiscard]] virtual std::vector<std::int64_t> sizes(const char* name) const = 0;
  [[nodiscard]] virtual std::vector<float> numbers(const char* name) const = 0;
  // One of at least so many bytes. It may hold more than is read (where another one's batch is empty). It stays valid
  // as long as the operation, and where it is until the operation has run: what is converted before has its memory only then.
  // Errors: Shape where it has fewer, Disposed.
  void operand(Operand& operand, const char* name, std::size_t least) {
    bytes_ += least;
    find_operand(operand, name, least);
  }

  // At least 0.
  [[nodiscard]] std::int64_t size(const char* name) const {
    const std::int64_t value = integer(name);
    if (value < 0) throw Error(Code::Argument, std::string(name) + " must be an integer of at least 0");
    return value;
  }

  // One whose elements fill whole bytes. Errors: DType.
  [[nodiscard]] DType type(const char* name = "type") const;
  // float32 or float64. Errors: DType.
  [[nodiscard]] DType float_type() const;
  // One of these, or of complex numbers of these. Errors: DType.
  [[nodiscard]] DType number_type() const;

  template <typename Enum>
  [[nodiscard]] Enum choice(const char* name) const {
    const std::string word = text(name);
    if (const auto found = find_word<Enum>(word)) return *found;
    throw Error(Code::Argument, std::string(name) + " cannot be '" + word + "'; expected " + all_words<Enum>());
  }

  // One whose memory is the host's, and is there at once. Errors: Argument.
  [[nodiscard]] Operand host_operand(const char* name, std::size_t least);

  // That the operation gives so many bytes; results are given in the order in which they were named. The operand stays
  // where it is until the operation has run, and is given memory before.
  void result(Operand& operand, std::size_t bytes) {
    operand.bytes = bytes;
    bytes_ += bytes;
    results_.push_back(&operand);
  }

  [[nodiscard]] const std::vector<Operand*>& results() const noexcept { return results_; }

  // Of all operands and results that were read.
  [[nodiscard]] std::size_t bytes() const noexcept { return bytes_; }

 protected:
  ~Request() = default;
  virtual void find_operand(Operand& operand, const char* name, std::size_t least) = 0;

 private:
  std::size_t bytes_ = 0;
  std::vector<Operand*> results_;
};

// Sizes multiplied. Errors: Shape where the product cannot be counted.
std::int64_t checked_product(std::initializer_list<std::int64_t> sizes);

// The bytes of so many elements, of a type that fills whole bytes. Errors: Shape where they cannot be counted.
std::size_t checked_bytes(DType type, std::initializer_list<std::int64_t> sizes);

}  // namespace tensorlane
