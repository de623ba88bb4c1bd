// NVRTC opens its built-in functions by name when it compiles, and pip's does not look for them beside itself.
#include "cuda/libraries/compile.h"

#include <filesystem>
#include <string>

#include "runtime/support.h"

namespace fs = std::filesystem;
using emulation_tests::Child;
using emulation_tests::run_child;

namespace {

const fs::path& libraries() {
  static const fs::path folder = fs::path(EMULATION_TEST_CHILDREN) / "emulated-cuda/lib";
  return folder;
}

// A folder in which libnvrtc lies alone.
class Folder {
 public:
  Folder() {
    std::string name = (fs::temp_directory_path() / "compile-XXXXXX").string();
    path_ = mkdtemp(name.data());
  }
  ~Folder() { fs::remove_all(path_); }
  Folder(const Folder&) = delete;
  Folder& operator=(const Folder&) = delete;
  [[nodiscard]] fs::path nvrtc() const { return path_ / "libnvrtc.so.13"; }
  [[nodiscard]] Child compile() const { return run_child("compile_child", path_.string()); }

 private:
  fs::path path_;
};

}  // namespace

TEST_CASE("NVRTC's built-in functions are opened beside it") {
  const Child child = run_child("compile_child", libraries().string());
  INFO(child.output);
  CHECK_EQ(child.output, "nothing, compiled\n");
  CHECK_EQ(child.status, 0);
}

TEST_CASE("NVRTC's built-in functions are opened beside the file that a link leads to") {
  const Folder folder;
  fs::create_symlink(libraries() / "libnvrtc.so.13", folder.nvrtc());
  const Child child = folder.compile();
  INFO(child.output);
  CHECK_EQ(child.output, "nothing, compiled\n");
}

TEST_CASE("an NVRTC without its built-in functions is no fault of the kernel's, and the error says what to install") {
  const Folder folder;
  fs::copy_file(libraries() / "libnvrtc.so.13", folder.nvrtc());
  const Child child = folder.compile();
  INFO(child.output);
  CHECK_EQ(child.status, 1);
  for (const char* part : {"no runtime: ", "nvidia-cuda-nvrtc", "libnvrtc-builtins.so.13.0"}) {
    CHECK_MESSAGE(child.output.find(part) != std::string::npos, part);
  }
}
