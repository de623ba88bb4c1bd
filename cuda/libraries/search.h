// Where NVIDIA's libraries may be: where the user says, where the loader looks, where `tensorlane setup cuda`, the toolkit
// and pip put them.
// What is opened here is never closed.
#pragma once

#include <functional>
#include <string>
#include <vector>

namespace tensorlane::cuda {

struct LibraryName {
  std::string soname;
  std::string component;  // its folder in pip's `nvidia` packages for CUDA 12
};

// What a search depends on. A test has a file system, an environment and a python of its own.
struct Places {
  int cuda_major = 0;
  std::string root;  // put before the absolute folders that nobody named
  std::function<std::string(const char* variable)> variable;
  std::function<std::vector<std::string>()> ask_python;  // for its site-packages

  static Places of_process();
};

// The folders in the order in which they are tried: those that TENSORLANE_CUDA_LIBRARIES names, then (after the
// loader's own) the usual ones that exist, and at last those that python3 tells of, which it takes a process to ask.
[[nodiscard]] std::vector<std::string> named_folders(const Places& places);
[[nodiscard]] std::vector<std::string> usual_folders(const Places& places, const std::string& component);
[[nodiscard]] std::vector<std::string> python_folders(const Places& places, const std::string& component);

struct Attempt {
  std::string path;
  std::string reason;
};

struct Opened {
  void* handle = nullptr;  // null: none was found
  std::string path;        // the soname alone where the loader found it by itself
};

// Opens the library from the first place that has it. Each place that has it not, or cannot open it, adds the reason to
// `attempts`. The libraries that it links (`needs`) are opened first, from the same places; one that is not found is
// passed over, and opening the library itself then gives the reason.
[[nodiscard]] Opened find_library(const Places& places, const LibraryName& name, const std::vector<LibraryName>& needs,
                                  std::vector<Attempt>& attempts);

// Where an opened library lies: the folder it was opened in and, where that holds a link only, the one of the file
// itself.
[[nodiscard]] std::vector<std::string> folders_of(void* handle);

// Opens the files whose name starts so in the first of the folders that has any: what a library opens by name later,
// and would not find by itself.
void open_beside(const std::vector<std::string>& folders, const std::string& start);

// "Tried: a: reason; b: reason".
[[nodiscard]] std::string describe(const std::vector<Attempt>& attempts);

// The site-packages of the python3 that is on the PATH; none where there is no python3, or it takes too long.
[[nodiscard]] std::vector<std::string> ask_python(int timeout_milliseconds = 5000);

}  // namespace tensorlane::cuda
