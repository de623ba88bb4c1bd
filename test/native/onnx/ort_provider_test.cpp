// What a model computes with: what was asked for, or the CPU and the reason why.
#include <doctest/doctest.h>

#include <string>
#include <vector>

#include "onnx/support.h"

using namespace tensorlane;
using namespace tensorlane::test;

namespace {

Model load_with(std::vector<ProviderRequest> providers) {
  return {runtime(), std::string(TENSORLANE_TEST_MODEL), {1, 0, std::move(providers)}};
}

}  // namespace

TEST_CASE("ort: the CPU is what a model runs on unless it is told otherwise, which is no fallback") {
  CHECK(load()->provider().name == "cpu");
  CHECK(load()->provider().fallback_reason.empty());
  CHECK(load_with({{"cpu"}}).provider().fallback_reason.empty());
}

// The library beside which the tests run comes without CUDA's provider.
TEST_CASE("ort: where CUDA cannot be had, the model runs on the CPU and says why") {
  Model model = load_with({{"cuda", 0}, {"cpu"}});
  CHECK(model.provider().name == "cpu");
  const std::string& reason = model.provider().fallback_reason;
  INFO(reason);
  CHECK(reason.starts_with("ONNX Runtime cannot use CUDA here: "));
  CHECK_MESSAGE(reason.size() > 40, "the runtime's own reason is not told");
  Lane lane(0);
  const std::vector<float> data = images(1);
  CHECK(run(model, lane, input_of(data)) == run(*load(), lane, input_of(data)));
}

TEST_CASE("ort: where CUDA cannot be had and the CPU was not asked for, that is an error") {
  const auto error = failure([] { load_with({{"cuda", 0}}); });
  REQUIRE_MESSAGE(error.has_value(), "it was loaded");
  CHECK(error->code() == Code::Model);
  CHECK(std::string(error->what()).starts_with("ONNX Runtime cannot use CUDA here: "));
}

TEST_CASE("ort: a library that is no provider's is told of, with the runtime's reason") {
  for (const char* library : {"/nowhere/libprovider.so", TENSORLANE_TEST_MODEL, TENSORLANE_TEST_ONNXRUNTIME}) {
    CAPTURE(library);
    const ProviderRequest request{.name = "Some", .library = library};
    const auto error = failure([&] { load_with({request}); });
    REQUIRE_MESSAGE(error.has_value(), "it was taken");
    CHECK(error->code() == Code::Model);
    INFO(error->what());
    CHECK(std::string(error->what()).find(library) != std::string::npos);
    Model fallen = load_with({request, {"cpu"}});
    CHECK(fallen.provider().name == "cpu");
    CHECK(fallen.provider().fallback_reason == error->what());
  }
}

TEST_CASE("ort: a provider that there is not is an error that names it and those that there are") {
  const auto error = failure([] { load_with({{"cudda"}, {"cpu"}}); });
  REQUIRE_MESSAGE(error.has_value(), "it was taken");
  INFO(error->what());
  CHECK(error->code() == Code::Argument);
  for (const char* name : {"'cudda'", "'cpu'", "'cuda'"}) {
    CHECK(std::string(error->what()).find(name) != std::string::npos);
  }
}
