// Opening ONNX Runtime's library.
#include <doctest/doctest.h>

#include <string>

#include "onnx/support.h"

using namespace tensorlane;
using namespace tensorlane::test;

TEST_CASE("ort: a library that is missing is an error that names it and says what to do") {
  const auto& error = opened().missing;
  REQUIRE_MESSAGE(error.has_value(), "no error was reported");
  INFO(error->what());
  CHECK(error->code() == Code::NoRuntime);
  CHECK(std::string(error->what()).find("/nowhere/libonnxruntime.so.1") != std::string::npos);
  CHECK(std::string(error->what()).find("onnxruntime-node") != std::string::npos);
}

TEST_CASE("ort: a library that is not ONNX Runtime is an error that names it") {
  const auto& error = opened().foreign;
  REQUIRE_MESSAGE(error.has_value(), "no error was reported");
  INFO(error->what());
  CHECK(error->code() == Code::NoRuntime);
  CHECK(std::string(error->what()).find("libm.so.6") != std::string::npos);
}

TEST_CASE("ort: the runtime is opened once") {
  CHECK_FALSE(runtime().version.empty());
  CHECK(runtime().path == TENSORLANE_TEST_ONNXRUNTIME);
  CHECK(&ort::Runtime::open("/nowhere/else.so") == &runtime());
}
