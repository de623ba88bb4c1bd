// __shared__ makes a variable thread-local and puts a tag into its symbol's name (driver_types.h), so the symbol tables
// of what is loaded tell where the variables are: an offset into their library's part of each thread.
#include "runtime/static_shared.h"

#include <dlfcn.h>
#include <elf.h>
#include <link.h>

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <fstream>
#include <mutex>
#include <set>
#include <string>
#include <vector>

// What compiled code calls for a thread-local variable of a library.
extern "C" void* __tls_get_addr(std::size_t* module_and_offset);

namespace emulation {

namespace {

constexpr int kSpoilt = 0xFF;
constexpr const char* kTag = "B15emulated_shared";
constexpr std::size_t kLooked = 64;  // bytes at either end

struct Variable {
  std::size_t module;
  std::size_t offset;
  std::size_t size;
};

struct Library {
  std::string path;
  std::size_t module;
};

std::mutex mutex;  // of what follows
unsigned long long generation = 0;
std::set<std::string> known;
std::vector<Variable> variables;

template <typename T>
std::vector<T> read(std::ifstream& file, std::size_t offset, std::size_t bytes) {
  std::vector<T> values(bytes / sizeof(T));
  file.seekg(static_cast<std::streamoff>(offset));
  file.read(reinterpret_cast<char*>(values.data()), static_cast<std::streamsize>(values.size() * sizeof(T)));
  if (!file) values.clear();
  return values;
}

// None where the file is gone or has no symbols.
std::vector<Variable> variables_of(const Library& library) {
  std::vector<Variable> found;
  std::ifstream file(library.path, std::ios::binary);
  const auto headers = read<Elf64_Ehdr>(file, 0, sizeof(Elf64_Ehdr));
  if (headers.empty() || std::memcmp(headers[0].e_ident, ELFMAG, SELFMAG) != 0) return found;
  const auto sections = read<Elf64_Shdr>(file, headers[0].e_shoff, headers[0].e_shnum * sizeof(Elf64_Shdr));
  for (const Elf64_Shdr& section : sections) {
    if (section.sh_type != SHT_SYMTAB || section.sh_link >= sections.size()) continue;
    const Elf64_Shdr& strings = sections[section.sh_link];
    auto names = read<char>(file, strings.sh_offset, strings.sh_size);
    names.push_back('\0');
    for (const Elf64_Sym& symbol : read<Elf64_Sym>(file, section.sh_offset, section.sh_size)) {
      if (ELF64_ST_TYPE(symbol.st_info) != STT_TLS || symbol.st_size == 0 || symbol.st_name >= names.size()) continue;
      if (std::strstr(names.data() + symbol.st_name, kTag) == nullptr) continue;
      found.push_back({library.module, symbol.st_value, symbol.st_size});
    }
  }
  return found;
}

int opened_so_far(dl_phdr_info* info, std::size_t, void* result) {
  *static_cast<unsigned long long*>(result) = info->dlpi_adds;
  return 1;
}

int add_library(dl_phdr_info* info, std::size_t, void* result) {
  if (info->dlpi_tls_modid == 0) return 0;
  const std::string name = info->dlpi_name == nullptr ? "" : info->dlpi_name;
  static_cast<std::vector<Library>*>(result)->push_back({name.empty() ? "/proc/self/exe" : name, info->dlpi_tls_modid});
  return 0;
}

// Of this thread.
struct Places {
  std::size_t count = 0;  // of the variables that were looked up
  std::vector<std::pair<char*, std::size_t>> places;
};
thread_local Places here;

bool spoilt(const char* from, std::size_t bytes) {
  return std::all_of(from, from + bytes, [](char byte) { return byte == static_cast<char>(kSpoilt); });
}

}  // namespace

void find_static_shared() {
  unsigned long long now = 0;
  dl_iterate_phdr(opened_so_far, &now);
  const std::lock_guard lock(mutex);
  if (now != generation) {
    generation = now;
    std::vector<Library> libraries;
    dl_iterate_phdr(add_library, &libraries);
    for (const Library& library : libraries) {
      if (!known.insert(library.path).second) continue;
      const std::vector<Variable> found = variables_of(library);
      if (found.empty()) continue;
      // It must not go while threads know its variables.
      const char* path = library.path == "/proc/self/exe" ? nullptr : library.path.c_str();
      if (dlopen(path, RTLD_LAZY | RTLD_NOLOAD | (path != nullptr ? RTLD_NODELETE : 0)) == nullptr) continue;
      variables.insert(variables.end(), found.begin(), found.end());
    }
  }
  for (; here.count < variables.size(); ++here.count) {
    const Variable& variable = variables[here.count];
    std::size_t place[2] = {variable.module, variable.offset};
    auto* const address = static_cast<char*>(__tls_get_addr(place));
    std::memset(address, kSpoilt, variable.size);
    here.places.emplace_back(address, variable.size);
  }
}

void spoil_static_shared() {
  // What a block used it used from either end; most of the variables are other kernels'.
  for (const auto& [address, size] : here.places) {
    const std::size_t looked = std::min(size, kLooked);
    if (!spoilt(address, looked) || !spoilt(address + size - looked, looked)) std::memset(address, kSpoilt, size);
  }
}

}  // namespace emulation
