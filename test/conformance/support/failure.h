// What an operation failed with.
#pragma once

#include <doctest/doctest.h>

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "core/error.h"

namespace tensorlane::test {

// Nothing where it did not fail with an Error.
template <typename Operation>
std::optional<Error> failure(Operation operation) {
  try {
    operation();
  } catch (const Error& error) {
    return error;
  }
  return std::nullopt;
}

// That it fails for these matrices of a batch of `total`.
template <typename Operation>
void check_fails(Operation operation, Code code, const std::vector<std::int64_t>& indices, std::int64_t total) {
  const std::optional<Error> error = failure(operation);
  REQUIRE_MESSAGE(error.has_value(), "no error was reported");
  INFO(error->what());
  CHECK_MESSAGE(std::string(code_string(error->code())) == code_string(code), "the wrong code");
  CHECK_MESSAGE(error->indices() == indices, "the wrong matrices were named");
  const std::string count = std::to_string(indices.size()) + " of " + std::to_string(total);
  CHECK_MESSAGE(std::string(error->what()).find(count) != std::string::npos, "the message does not say " << count);
}

}  // namespace tensorlane::test
