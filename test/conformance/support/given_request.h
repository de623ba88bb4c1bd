// A request for an operation whose values and operands a test writes down.
#pragma once

#include <cstddef>
#include <cstdint>
#include <map>
#include <string>
#include <utility>
#include <vector>

#include "device/request.h"

namespace tensorlane::test {

struct GivenRequest final : Request {
  std::map<std::string, std::int64_t> integers;
  std::map<std::string, float> floats;
  std::map<std::string, bool> flags;
  std::map<std::string, std::string> texts;
  std::map<std::string, std::vector<std::int64_t>> lists;
  std::map<std::string, std::vector<float>> float_lists;
  std::map<std::string, Operand> operands;
  std::map<std::string, std::size_t> read;  // how many bytes of each operand were asked for

  [[nodiscard]] std::int64_t integer(const char* name) const override { return of(integers, name); }
  [[nodiscard]] float number(const char* name) const override { return of(floats, name); }
  [[nodiscard]] bool flag(const char* name) const override { return of(flags, name); }
  [[nodiscard]] std::string text(const char* name) const override { return of(texts, name); }
  [[nodiscard]] std::vector<std::int64_t> sizes(const char* name) const override { return of(lists, name); }
  [[nodiscard]] std::vector<float> numbers(const char* name) const override { return of(float_lists, name); }
  void find_operand(Operand& operand, const char* name, std::size_t least) override {
    read[name] = least;
    operand = of(operands, name);
    if (operand.bytes < least) throw Error(Code::Shape, std::string(name) + " is too small");
  }

  // The bytes of the results, in order, of an operation that read this and still exists.
  [[nodiscard]] std::vector<std::size_t> result_bytes() const {
    std::vector<std::size_t> bytes;
    for (const Operand* result : results()) bytes.push_back(result->bytes);
    return bytes;
  }

 private:
  template <typename Value>
  static Value of(const std::map<std::string, Value>& values, const char* name) {
    const auto found = values.find(name);
    if (found == values.end()) throw Error(Code::Argument, std::string(name) + " is missing");
    return found->second;
  }
};

}  // namespace tensorlane::test
