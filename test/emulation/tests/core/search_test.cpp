#include "cuda/libraries/search.h"

#include <dlfcn.h>
#include <doctest/doctest.h>
#include <unistd.h>

#include <cmath>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <map>

namespace fs = std::filesystem;
using namespace tensorlane::cuda;

namespace {

// A file system of a test's own, in which any real library can lie under any name.
class Machine {
 public:
  Machine() {
    std::string name = (fs::temp_directory_path() / "search-XXXXXX").string();
    root_ = mkdtemp(name.data());
    places.cuda_major = 13;
    places.root = root_.string();
    places.variable = [this](const char* variable) { return variables[variable]; };
    places.ask_python = [this] {
      ++asked;
      return python;
    };
  }
  ~Machine() { fs::remove_all(root_); }

  std::string library(const std::string& folder, const std::string& soname) {
    Dl_info info{};
    REQUIRE(dladdr(reinterpret_cast<void*>(static_cast<double (*)(double)>(&std::cos)), &info) != 0);
    fs::create_directories(root_ / folder);
    fs::create_symlink(fs::canonical(info.dli_fname), root_ / folder / soname);
    return (root_ / folder / soname).string();
  }
  std::string text(const std::string& folder, const std::string& soname) {
    fs::create_directories(root_ / folder);
    std::ofstream(root_ / folder / soname) << "this is no library";
    return (root_ / folder / soname).string();
  }
  std::string path(const std::string& folder) { return (root_ / folder).string(); }
  Opened find() { return find_library(places, {"libnothere.so.13", "cublas"}, {{"libneeded.so.1", "x"}}, attempts); }

  Places places;
  std::map<std::string, std::string> variables;
  std::vector<std::string> python;
  int asked = 0;
  std::vector<Attempt> attempts;

 private:
  fs::path root_;
};

}  // namespace

TEST_CASE("a library is found in each of the places, and the first of them counts") {
  Machine machine;
  machine.python = {machine.path("asked")};
  const auto expect = [&](const std::string& expected) {
    const Opened opened = machine.find();
    REQUIRE_MESSAGE(opened.handle != nullptr, describe(machine.attempts));
    CHECK(opened.path == expected);
  };
  expect(machine.library("asked/nvidia/cu13/lib", "libnothere.so.13"));
  CHECK(machine.asked > 0);
  machine.asked = 0;
  expect(machine.library("usr/local/lib/python3.12/dist-packages/nvidia/cu13/lib", "libnothere.so.13"));
  machine.variables["PYTHONPATH"] = machine.path("first") + ":" + machine.path("second");
  expect(machine.library("second/nvidia/cu13/lib", "libnothere.so.13"));
  machine.variables["VIRTUAL_ENV"] = machine.path("venv");
  expect(machine.library("venv/lib/python3.11/site-packages/nvidia/cu13/lib", "libnothere.so.13"));
  expect(machine.library("usr/local/cuda-13.1/lib64", "libnothere.so.13"));
  expect(machine.library("usr/local/cuda/targets/x86_64-linux/lib", "libnothere.so.13"));
  machine.variables["HOME"] = machine.path("home");
  expect(machine.library("home/.local/share/tensorlane/cuda13/lib", "libnothere.so.13"));
  machine.variables["XDG_DATA_HOME"] = machine.path("data");
  expect(machine.library("data/tensorlane/cuda13/lib", "libnothere.so.13"));
  machine.variables["CUDA_HOME"] = machine.path("toolkit");
  expect(machine.library("toolkit/lib64", "libnothere.so.13"));
  machine.variables["TENSORLANE_CUDA_LIBRARIES"] = machine.path("empty") + ":" + machine.path("mine");
  expect(machine.library("mine", "libnothere.so.13"));
  CHECK_MESSAGE(machine.asked == 0, "python was asked though the library lay in a usual place");
}

TEST_CASE("pip's packages for CUDA 12 have a folder each") {
  Machine machine;
  machine.places.cuda_major = 12;
  machine.variables["CONDA_PREFIX"] = machine.path("conda");
  machine.library("conda/lib/python3.10/site-packages/nvidia/cublas/lib", "libnothere.so.13");
  CHECK(machine.find().handle != nullptr);
}

TEST_CASE("a library's folder is where it was opened and, behind a link, where the file lies") {
  Machine machine;
  machine.variables["TENSORLANE_CUDA_LIBRARIES"] = machine.path("mine");
  const std::string link = machine.library("mine", "libnothere.so.13");
  const std::vector<std::string> folders = folders_of(machine.find().handle);
  // The file is open already under another name, which the loader may give instead.
  REQUIRE(!folders.empty());
  CHECK(folders.back() == fs::canonical(link).parent_path().string());
}

TEST_CASE("what is opened beside a library lies in the first folder that has any") {
  Machine machine;
  machine.text("broken", "libother.so.1");
  fs::create_directories(machine.path("fine"));
  const std::string file = machine.path("fine") + "/libother.so.1";
  fs::copy_file(std::string(EMULATION_TEST_CHILDREN) + "/emulated-cuda/lib/libnvJitLink.so.13", file);
  const auto is_open = [&] { return dlopen(file.c_str(), RTLD_NOW | RTLD_NOLOAD) != nullptr; };
  CHECK(!is_open());
  open_beside({machine.path("nowhere"), machine.path("broken"), machine.path("fine")}, "libother.so.");
  CHECK(is_open());
}

TEST_CASE("what was tried is told, with the loader's reasons") {
  Machine machine;
  machine.python = {machine.path("asked")};
  machine.variables["TENSORLANE_CUDA_LIBRARIES"] = machine.path("mine");
  const std::string broken = machine.text("usr/local/cuda/lib64", "libnothere.so.13");
  CHECK(machine.find().handle == nullptr);
  const std::string tried = describe(machine.attempts);
  for (const std::string& part :
       {machine.path("mine") + "/libnothere.so.13: no such file", std::string("libnothere.so.13: cannot open"), broken,
        machine.path("asked/nvidia/cu13/lib/libnothere.so.13") + ": no such file"}) {
    CHECK_MESSAGE(tried.find(part) != std::string::npos, "'", part, "' is not in: ", tried);
  }
}

TEST_CASE("python is asked for its folders, and not for ever") {
  const std::vector<std::string> folders = ask_python();
  // Where there is no python3 there is no answer; with one, its folders are absolute.
  for (const std::string& folder : folders) CHECK(folder.starts_with("/"));
  CHECK(ask_python(0).empty());
}
