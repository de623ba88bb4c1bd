// Telling one model from another, for what is kept of it.
#include "onnx/graph/digest.h"

#include <doctest/doctest.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cstddef>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <set>
#include <span>
#include <string>
#include <vector>

#include "onnx/graph/encode.h"
#include "onnx/graph/external_files.h"
#include "onnx/independence/examine.h"
#include "onnx/model_bytes.h"

using namespace tensorlane;
using namespace tensorlane::test;

namespace {

// A folder that goes with it.
class Folder {
 public:
  Folder() {
    std::string name = (std::filesystem::temp_directory_path() / "tensorlane-digest-XXXXXX").string();
    REQUIRE(mkdtemp(name.data()) != nullptr);
    path_ = name;
  }
  ~Folder() { std::filesystem::remove_all(path_); }
  Folder(const Folder&) = delete;
  Folder& operator=(const Folder&) = delete;

  [[nodiscard]] const std::filesystem::path& path() const { return path_; }

 private:
  std::filesystem::path path_;
};

}  // namespace

TEST_CASE("digest: tells apart what differs anywhere") {
  const std::string path = TENSORLANE_TEST_MODEL;
  graph::ModelGraph model = graph::read_model(path);
  CHECK(graph::digest(graph::read_model(path)) == graph::digest(model));
  // The work grows with the square of their number.
  model.graph.nodes.resize(std::min<std::size_t>(model.graph.nodes.size(), 60));
  const std::string own = graph::digest(model);
  std::set<std::string> seen{own};
  std::size_t changes = 0;
  const auto differs = [&](auto&& change) {
    graph::ModelGraph other = model;
    change(other);
    seen.insert(graph::digest(other));
    ++changes;
  };
  for (std::size_t i = 0; i < model.graph.nodes.size(); ++i) {
    differs([&](graph::ModelGraph& other) { other.graph.nodes[i].op += 'x'; });
    differs([&](graph::ModelGraph& other) { other.graph.nodes[i].op.back() ^= 1; });
    differs([&](graph::ModelGraph& other) { other.graph.nodes[i].inputs.emplace_back(); });
    differs([&](graph::ModelGraph& other) { other.graph.nodes[i].outputs.emplace_back("y"); });
  }
  differs([](graph::ModelGraph& other) { other.graph.inputs.front().type ^= 1; });
  differs([](graph::ModelGraph& other) { other.opsets[""] += 1; });
  CHECK(seen.size() == changes + 1);
}

TEST_CASE("digest: tells other weights and other texts apart, that are not kept") {
  const auto digest_of = [](char weight, const char* label) {
    const graph::Encoded weights = graph::integer(1, 100) + graph::integer(1, 100) + graph::integer(2, 1) +
                                   graph::text(8, "w") + graph::text(9, graph::Encoded(40'000, weight));
    const graph::Encoded labels = graph::text(1, "labels") + graph::text(9, "a") + graph::text(9, label);
    const graph::Encoded node = graph::text(4, "Own") + graph::text(5, labels);
    const graph::Encoded model = graph::text(7, graph::text(1, node) + graph::text(5, weights));
    const graph::ModelGraph read = graph::read_model(std::as_bytes(std::span(model)));
    REQUIRE_MESSAGE(!read.graph.initializers.at(0).reals.has_value(), "so many weights are not kept");
    return graph::digest(read);
  };
  CHECK(digest_of(1, "b") == digest_of(1, "b"));
  CHECK(digest_of(1, "b") != digest_of(2, "b"));
  CHECK(digest_of(1, "b") != digest_of(1, "c"));
}

TEST_CASE("digest: tells weights in files of their own apart, on the disk or given") {
  const Bytes weighs = model_bytes({.nodes = {node("Add", {"x", "w"}, {"y"})},
                                    .inputs = {value("x", tensor_of(DType::Float32, {-1, 64}))},
                                    .outputs = {value("y", tensor_of(DType::Float32, {-1, 64}))},
                                    .initializers = {external_floats("w", 64, "weights.bin")}});
  const Folder folder;
  const std::string path = (folder.path() / "model.onnx").string();
  std::ofstream(path, std::ios::binary) << weighs;
  const auto write_weights = [&](char byte) {
    std::ofstream(folder.path() / "weights.bin", std::ios::binary) << std::string(256, byte);
  };
  const auto on_disk = [&] { return Examination(path, {}, {}).digest(); };
  const auto given = [&](char byte) {
    const std::string bytes(256, byte);
    const std::vector<ExternalData> external = {{"weights.bin", std::as_bytes(std::span(bytes))}};
    return Examination(as_span(weighs), {}, {}, external).digest();
  };
  const std::string missing = on_disk();
  write_weights(1);
  const std::string ones = on_disk();
  write_weights(2);
  CHECK_MESSAGE(on_disk() != ones, "other weights on the disk");
  CHECK_MESSAGE(on_disk() != missing, "weights that there are");
  CHECK_MESSAGE(given(1) == ones, "the same weights, given");
  CHECK_MESSAGE(given(2) == on_disk(), "the same weights, given");
}

TEST_CASE("digest: weights outside of a model's folder are not looked at, nor such as are no file") {
  const Folder folder;
  const std::filesystem::path inside = folder.path() / "inside";
  std::filesystem::create_directory(inside);
  std::ofstream(folder.path() / "weights.bin") << "weights";
  std::ofstream(inside / "own.bin") << "weights";
  REQUIRE(mkfifo((inside / "pipe").c_str(), 0600) == 0);
  const std::string model = (inside / "model.onnx").string();
  graph::ExternalFiles files(&model);
  for (const char* location : {"../weights.bin", "a/../../weights.bin", "/etc/hostname", "", "pipe", ".", "missing"}) {
    CHECK_MESSAGE(files.sum_of({location, 0}) == 0, location);
  }
  CHECK(files.sum_of({"own.bin", 0}) != 0);
  CHECK(files.sum_of({"own.bin", 2}) != files.sum_of({"own.bin", 0}));
  CHECK_MESSAGE(files.sum_of({"own.bin", 7}) == 0, "past its end");
}
