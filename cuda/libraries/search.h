// Where NVIDIA's libraries may be: where the user says, where the loader looks, where the toolkit and pip put them.
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

// What a search depends on; tests look elsewhere.
struct Places {
  int cuda_major = 0;
  std::string root;  // put before absolute folders
  std::function<std::string(const char* variable)> variable;
  std::function<std::vector<std::string>()> ask_python;  // for its site-packages

  static Places of_process();
};

// Folders that exist or were named, in the order in which they are tried. The loader's own comes after the `named`
// ones.
[[nodiscard]] std::vector<std::string> named_folders(const Places& places);
[[nodiscard]] std::vector<std::string> usual_folders(const Places& places, const std::string& component);
// What pip put below the folders that python tells of.
[[nodiscard]] std::vector<std::string> python_folders(const Places& places, const std::string& component);

struct Attempt {
  std::string path;
  std::string reason;
};

struct Opened {
  void* handle = nullptr;  // null: none was found
  std::string path;        // the soname alone where the loader found it by itself
};

// Tries each place; why one was not it is added to `attempts`. What must be there before (`needs`) is opened from the
// same places, and left out where it is not found: then the library itself says what it misses.
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
