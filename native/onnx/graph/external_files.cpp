#include "onnx/graph/external_files.h"

#include <algorithm>

#include "onnx/graph/sum.h"

namespace tensorlane::graph {
namespace {

// As ONNX has it: relative, and not out of the model's folder.
bool is_beside(const std::filesystem::path& location) {
  return !location.empty() && location.is_relative() && *location.lexically_normal().begin() != "..";
}

}  // namespace

ExternalFiles::ExternalFiles(const std::string* model_path) {
  if (model_path != nullptr) folder_ = std::filesystem::path(*model_path).parent_path();
}

void ExternalFiles::give(const std::string& location, std::span<const std::byte> bytes) {
  files_[location] = std::make_unique<ByteSource>(bytes);
}

ByteSource* ExternalFiles::open(const std::string& location) {
  const auto known = files_.find(location);
  if (known != files_.end()) return known->second.get();
  std::unique_ptr<ByteSource>& file = files_[location];
  if (folder_.has_value() && is_beside(location)) {
    try {
      file = std::make_unique<ByteSource>((*folder_ / location).string());
    } catch (const Malformed&) {
      // It stays null.
    }
  }
  return file.get();
}

std::uint64_t ExternalFiles::sum_of(const External& external) {
  ByteSource* file = open(external.location);
  if (file == nullptr || external.offset >= file->size()) return 0;
  const std::uint64_t rest = file->size() - external.offset;
  Sum sum;
  try {
    sum.add(file->at(external.offset, static_cast<std::size_t>(std::min<std::uint64_t>(rest, kSampledBytes))));
  } catch (const Malformed&) {
    return 0;  // it became shorter meanwhile
  }
  return sum.value();
}

}  // namespace tensorlane::graph
