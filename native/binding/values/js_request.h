// A request for an operation as JS gives it: an object with the names that binding.d.ts has. It keeps the operands in
// place until the operation has run.
#pragma once

#include <napi.h>

#include <utility>
#include <vector>

#include "binding/values/conversion.h"
#include "binding/values/input.h"
#include "device/request.h"

namespace tensorlane {

class JsRequest final : public Request {
 public:
  explicit JsRequest(const Napi::Object& object) : object_(object) {}

  [[nodiscard]] std::int64_t integer(const char* name) const override;
  [[nodiscard]] float number(const char* name) const override;
  [[nodiscard]] bool flag(const char* name) const override;
  [[nodiscard]] std::string text(const char* name) const override;
  [[nodiscard]] std::vector<std::int64_t> sizes(const char* name) const override;
  [[nodiscard]] std::vector<float> numbers(const char* name) const override;
  void find_operand(Operand& operand, const char* name, std::size_t least) override;

  // What keeps the operands valid.
  [[nodiscard]] std::vector<Input> take_inputs() { return std::move(inputs_); }
  // What is to be converted before the operation; it reads the inputs.
  [[nodiscard]] std::vector<Conversion> take_conversions() { return std::move(conversions_); }

 private:
  const Napi::Object& object_;
  std::vector<Input> inputs_;
  std::vector<Conversion> conversions_;
};

}  // namespace tensorlane
