#include "cuda/libraries/search.h"

#include <dlfcn.h>
#include <link.h>

#include <algorithm>
#include <cstdlib>
#include <filesystem>
#include <system_error>

namespace tensorlane::cuda {
namespace {

namespace fs = std::filesystem;

std::vector<std::string> split(const std::string& list) {
  std::vector<std::string> parts;
  std::size_t from = 0;
  while (from <= list.size()) {
    const std::size_t to = std::min(list.find(':', from), list.size());
    if (to > from) parts.push_back(list.substr(from, to - from));
    from = to + 1;
  }
  return parts;
}

// What of `parent` has a name that starts so, the highest name first.
std::vector<fs::path> entries_like(const fs::path& parent, const std::string& start) {
  std::vector<fs::path> found;
  std::error_code error;
  for (fs::directory_iterator it(parent, error), end; !error && it != end; it.increment(error)) {
    if (it->path().filename().string().starts_with(start)) found.push_back(it->path());
  }
  std::ranges::sort(found, std::greater{});
  return found;
}

std::vector<std::string> below_toolkit(const fs::path& toolkit) {
  return {toolkit / "lib64", toolkit / "lib", toolkit / "targets/x86_64-linux/lib", toolkit / "targets/sbsa-linux/lib"};
}

// Where pip puts a component's libraries below python's folder of packages: CUDA 12's have a folder each.
std::string below_site(const Places& places, const fs::path& site, const std::string& component) {
  if (places.cuda_major <= 12) return site / "nvidia" / component / "lib";
  return site / "nvidia" / ("cu" + std::to_string(places.cuda_major)) / "lib";
}

// Where `tensorlane setup cuda` puts libraries; empty where nobody has a folder of his own.
std::string setup_folder(const Places& places) {
  const std::string home = places.variable("HOME");
  std::string data = places.variable("XDG_DATA_HOME");
  if (data.empty() && !home.empty()) data = home + "/.local/share";
  return data.empty() ? data : data + "/tensorlane/cuda" + std::to_string(places.cuda_major) + "/lib";
}

// Python's folders of packages, where they usually are.
std::vector<fs::path> site_folders(const Places& places) {
  std::vector<fs::path> sites;
  const auto add_environment = [&](const fs::path& prefix) {
    for (const fs::path& python : entries_like(prefix / "lib", "python3")) sites.push_back(python / "site-packages");
  };
  for (const char* name : {"VIRTUAL_ENV", "CONDA_PREFIX"}) {
    const std::string prefix = places.variable(name);
    if (!prefix.empty()) add_environment(prefix);
  }
  for (const std::string& folder : split(places.variable("PYTHONPATH"))) sites.emplace_back(folder);
  const std::string home = places.variable("HOME");
  if (!home.empty()) add_environment(home + "/.local");
  const fs::path local = places.root + "/usr/local/lib";
  for (const fs::path& python : entries_like(local, "python3")) {
    sites.push_back(python / "site-packages");
    sites.push_back(python / "dist-packages");
  }
  sites.emplace_back(places.root + "/usr/lib/python3/dist-packages");
  return sites;
}

// Null, and one attempt more, where the loader refuses it.
void* open(const std::string& path, std::vector<Attempt>& attempts) {
  void* handle = dlopen(path.c_str(), RTLD_NOW | RTLD_LOCAL);
  if (handle != nullptr) return handle;
  const char* reason = dlerror();
  attempts.push_back({path, reason == nullptr ? "unknown" : reason});
  return nullptr;
}

Opened open_in(const std::vector<std::string>& folders, const LibraryName& name, std::vector<Attempt>& attempts) {
  for (const std::string& folder : folders) {
    const std::string path = folder + "/" + name.soname;
    std::error_code error;
    if (!fs::exists(path, error)) {
      attempts.push_back({path, "no such file"});
    } else if (void* handle = open(path, attempts); handle != nullptr) {
      return {handle, path};
    }
  }
  return {};
}

// In the places that take no process to find, or in those that python tells of.
Opened open_at(const Places& places, const LibraryName& name, bool with_python, std::vector<Attempt>& attempts) {
  if (with_python) return open_in(python_folders(places, name.component), name, attempts);
  Opened opened = open_in(named_folders(places), name, attempts);
  if (opened.handle != nullptr) return opened;
  if (void* handle = open(name.soname, attempts); handle != nullptr) return {handle, name.soname};
  return open_in(usual_folders(places, name.component), name, attempts);
}

}  // namespace

Places Places::of_process() {
  Places places;
  places.variable = [](const char* name) {
    const char* value = std::getenv(name);
    return std::string(value == nullptr ? "" : value);
  };
  places.ask_python = [] {
    static const std::vector<std::string> answer = cuda::ask_python();
    return answer;
  };
  return places;
}

std::vector<std::string> named_folders(const Places& places) {
  return split(places.variable("TENSORLANE_CUDA_LIBRARIES"));
}

std::vector<std::string> usual_folders(const Places& places, const std::string& component) {
  std::vector<std::string> folders;
  const auto add = [&](const std::vector<std::string>& more) {
    folders.insert(folders.end(), more.begin(), more.end());
  };
  for (const char* name : {"CUDA_HOME", "CUDA_PATH"}) {
    const std::string toolkit = places.variable(name);
    if (!toolkit.empty()) add(below_toolkit(toolkit));
  }
  const std::size_t named = folders.size();
  if (const std::string folder = setup_folder(places); !folder.empty()) folders.push_back(folder);
  const fs::path local = places.root + "/usr/local";
  add(below_toolkit(local / "cuda"));
  for (const fs::path& toolkit : entries_like(local, "cuda-" + std::to_string(places.cuda_major))) {
    add(below_toolkit(toolkit));
  }
  for (const fs::path& site : site_folders(places)) folders.push_back(below_site(places, site, component));
  // A folder named twice is tried once. Those that nobody named and that do not exist would only make an error longer.
  std::vector<std::string> existing;
  for (std::size_t i = 0; i < folders.size(); ++i) {
    std::error_code error;
    if (i >= named && !fs::is_directory(folders[i], error)) continue;
    if (std::ranges::find(existing, folders[i]) == existing.end()) existing.push_back(folders[i]);
  }
  return existing;
}

std::vector<std::string> python_folders(const Places& places, const std::string& component) {
  std::vector<std::string> folders;
  for (const std::string& site : places.ask_python()) folders.push_back(below_site(places, site, component));
  return folders;
}

Opened find_library(const Places& places, const LibraryName& name, const std::vector<LibraryName>& needs,
                    std::vector<Attempt>& attempts) {
  for (const bool with_python : {false, true}) {
    std::vector<Attempt> ignored;
    for (const LibraryName& need : needs) static_cast<void>(open_at(places, need, with_python, ignored));
    Opened opened = open_at(places, name, with_python, attempts);
    // The library may lie in a usual place, and only what it links where python knows.
    if (opened.handle == nullptr && with_python) opened = open_at(places, name, false, ignored);
    if (opened.handle != nullptr) return opened;
  }
  return {};
}

std::vector<std::string> folders_of(void* handle) {
  link_map* map = nullptr;
  if (dlinfo(handle, RTLD_DI_LINKMAP, &map) != 0 || map == nullptr) return {};
  std::error_code error;
  const fs::path opened = fs::absolute(map->l_name, error);
  if (error) return {};
  std::vector<std::string> folders = {opened.parent_path()};
  const fs::path file = fs::canonical(opened, error);
  if (!error && file.parent_path() != opened.parent_path()) folders.push_back(file.parent_path());
  return folders;
}

void open_beside(const std::vector<std::string>& folders, const std::string& start) {
  for (const std::string& folder : folders) {
    bool any = false;
    for (const fs::path& file : entries_like(folder, start)) {
      any = dlopen(file.c_str(), RTLD_NOW | RTLD_LOCAL) != nullptr || any;
    }
    if (any) return;
  }
}

std::string describe(const std::vector<Attempt>& attempts) {
  std::string text;
  for (const Attempt& attempt : attempts) {
    text += text.empty() ? "Tried: " : "; ";
    // The loader's reasons begin with the path as well.
    const bool named = attempt.reason.starts_with(attempt.path);
    text += named ? attempt.reason : attempt.path + ": " + attempt.reason;
  }
  return text;
}

}  // namespace tensorlane::cuda
