#include "libraries/nvrtc_build.h"

#include <fcntl.h>
#include <spawn.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <map>
#include <mutex>
#include <optional>
#include <stdexcept>
#include <string_view>
#include <system_error>
#include <tuple>

namespace emulation::libraries {

namespace {

namespace fs = std::filesystem;

// A folder of its own, removed at the end.
class Folder {
 public:
  Folder() {
    std::string pattern = (fs::temp_directory_path() / "emulated-nvrtc-XXXXXX").string();
    if (mkdtemp(pattern.data()) == nullptr) throw std::system_error(errno, std::generic_category(), "mkdtemp");
    path_ = pattern;
  }
  ~Folder() {
    std::error_code ignored;
    fs::remove_all(path_, ignored);
  }
  Folder(const Folder&) = delete;
  Folder& operator=(const Folder&) = delete;
  [[nodiscard]] fs::path operator/(const std::string& name) const { return path_ / name; }

 private:
  fs::path path_;
};

void write_file(const fs::path& path, const std::string& text) {
  fs::create_directories(path.parent_path());
  std::ofstream(path, std::ios::binary) << text;
}

std::string read_file(const fs::path& path) {
  std::ifstream file(path, std::ios::binary);
  return {std::istreambuf_iterator<char>(file), std::istreambuf_iterator<char>()};
}

// What is preloaded into this process, a sanitizer say, is not for the compiler.
std::vector<char*> compilers_environment() {
  std::vector<char*> result;
  for (char** entry = environ; *entry != nullptr; ++entry)
    if (std::string_view(*entry).substr(0, 11) != "LD_PRELOAD=") result.push_back(*entry);
  result.push_back(nullptr);
  return result;
}

bool run(std::vector<std::string> arguments, const fs::path& output) {
  std::vector<char*> pointers;
  for (std::string& argument : arguments) pointers.push_back(argument.data());
  pointers.push_back(nullptr);
  std::vector<char*> environment = compilers_environment();

  posix_spawn_file_actions_t actions;
  posix_spawn_file_actions_init(&actions);
  posix_spawn_file_actions_addopen(&actions, STDOUT_FILENO, output.c_str(), O_WRONLY | O_CREAT | O_TRUNC, 0600);
  posix_spawn_file_actions_adddup2(&actions, STDOUT_FILENO, STDERR_FILENO);
  pid_t child = 0;
  const int error = posix_spawnp(&child, pointers[0], &actions, nullptr, pointers.data(), environment.data());
  posix_spawn_file_actions_destroy(&actions);
  if (error != 0) throw std::system_error(error, std::generic_category(), arguments[0]);
  int status = 0;
  while (waitpid(child, &status, 0) < 0)
    if (errno != EINTR) throw std::system_error(errno, std::generic_category(), "waitpid");
  return WIFEXITED(status) && WEXITSTATUS(status) == 0;
}

Built compile(const std::string& program, const Headers& headers, const std::vector<std::string>& options) {
  const Folder folder;
  write_file(folder / "program.cpp", program);
  for (const auto& [name, text] : headers) write_file(folder / ("headers/" + name), text);

  // With the sanitizer that this is built with.
  std::vector<std::string> arguments{EMULATION_COMPILER,
                                     "-std=c++20",
                                     "-O1",
                                     "-g",
                                     "-fPIC",
                                     "-shared",
                                     "-w",
                                     "-fno-gnu-unique",
                                     "-fvisibility=hidden",
                                     "-fno-diagnostics-color",
#if defined(__SANITIZE_ADDRESS__)
                                     "-fsanitize=address",
                                     "-fno-omit-frame-pointer",
#elif defined(__SANITIZE_THREAD__)
                                     "-fsanitize=thread",
                                     "-fno-omit-frame-pointer",
#endif
                                     std::string("-I") + EMULATION_INCLUDE,
                                     "-I" + (folder / "headers").string()};
  arguments.insert(arguments.end(), options.begin(), options.end());
  const fs::path object = folder / "program.so";
  const fs::path runtime = EMULATION_RUNTIME;
  arguments.insert(arguments.end(), {"-o", object.string(), "-x", "c++", (folder / "program.cpp").string(), "-x",
                                     "none", runtime.string(), "-Wl,-rpath," + runtime.parent_path().string()});
  Built built;
  built.compiled = run(arguments, folder / "log.txt");
  built.log = read_file(folder / "log.txt");
  if (built.compiled) built.object = read_file(object);
  return built;
}

// Tests that lose the device at every call compile the same program again and again, for a second each time.
class Known {
 public:
  using Key = std::tuple<std::string, Headers, std::vector<std::string>>;

  std::optional<Built> find(const Key& key) {
    const std::lock_guard lock(mutex_);
    const auto found = built_.find(key);
    return found == built_.end() ? std::nullopt : std::optional(found->second);
  }
  void keep(const Key& key, const Built& built) {
    const std::lock_guard lock(mutex_);
    built_.emplace(key, built);
  }

 private:
  std::mutex mutex_;
  std::map<Key, Built> built_;  // guarded by mutex_
};

}  // namespace

Built build(const std::string& program, const Headers& headers, const std::vector<std::string>& options) {
  static Known known;
  const Known::Key key{program, headers, options};
  if (std::optional<Built> before = known.find(key)) return *std::move(before);
  Built built = compile(program, headers, options);
  // The files of an include path may change meanwhile.
  const auto on_disk = [](const std::string& option) { return option.rfind("-I", 0) == 0; };
  if (built.compiled && std::none_of(options.begin(), options.end(), on_disk)) known.keep(key, built);
  return built;
}

}  // namespace emulation::libraries
