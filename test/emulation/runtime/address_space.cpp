#include "runtime/address_space.h"

#include <signal.h>
#include <sys/mman.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <mutex>

#include "cuda_runtime.h"
#include "runtime/filled_memory.h"

namespace emulation {

namespace {

constexpr std::size_t kSpan = std::size_t{16} << 30;
constexpr std::size_t kChunk = std::size_t{16} << 20;  // the alias becomes readable in such steps
constexpr std::size_t kPage = 4096;
constexpr std::size_t kRedzone = 256;
// ThreadSanitizer forgets who used an address before by the page.
constexpr std::size_t kAlignment = kThreadSanitizer ? kPage : 512;
// What an allocation is overwritten with when its life begins and ends.
constexpr unsigned char kFresh = 0xCD;
constexpr unsigned char kFreed = 0xDD;
// So much of it for ThreadSanitizer, to which that must be a write of whoever makes or frees it: what it is shown costs it several
// times its size.
constexpr std::size_t kShown = std::size_t{1} << 20;

// Ranges for device_of(), which runs without the lock, also in a signal handler.
std::atomic<const Device*> ranges[kMaxDevices];
struct sigaction previous_action;

std::size_t rounded(std::size_t bytes, std::size_t to) { return (bytes + to - 1) / to * to; }

void* at(std::uintptr_t address) { return reinterpret_cast<void*>(address); }  // NOLINT

void* alias_of(const Block& block) { return at(block.address + kSpan); }

void write_error(const char* text) {
  // Nothing better can be done about an error here.
  [[maybe_unused]] const ssize_t written = write(STDERR_FILENO, text, std::strlen(text));
}

// The lock may be held by the very thread that was stopped, so the allocation is described only if it is free.
void describe(std::uintptr_t address, char* text, std::size_t size) {
  State& all = state();
  if (!all.mutex.try_lock()) {
    std::snprintf(text, size, "(in an unknown allocation)");
    return;
  }
  const auto after = all.allocations.upper_bound(address);
  const Allocation* found = after == all.allocations.begin() ? nullptr : &std::prev(after)->second;
  if (found != nullptr && address < found->block.address + found->block.region)
    std::snprintf(text, size, "(offset %zu in an allocation of %zu bytes)",
                  static_cast<std::size_t>(address - found->block.address), found->bytes);
  else
    std::snprintf(text, size, "(in no allocation)");
  all.mutex.unlock();
}

void report_access(int, siginfo_t* info, void*) {
  const std::uintptr_t address = reinterpret_cast<std::uintptr_t>(info->si_addr);
  const Device* device = device_of(info->si_addr);
  char where[96];
  char text[256];
  if (device != nullptr) {
    const bool alias = address >= device->base + kSpan;
    describe(alias ? address - kSpan : address, where, sizeof(where));
    const char* what = alias         ? "device code went beyond the device memory that was ever used:"
                       : in_kernel() ? "a kernel touched device memory by an address that the host wrote down:"
                                     : "host code touched device memory at";
    std::snprintf(text, sizeof(text), "emulation: %s 0x%zx %s\n", what, static_cast<std::size_t>(address), where);
    write_error(text);
  }
  if (device == nullptr && in_kernel()) {
    std::snprintf(text, sizeof(text), "emulation: a kernel touched 0x%zx, which is no memory of its device\n",
                  static_cast<std::size_t>(address));
    write_error(text);
  }
  // The faulting instruction runs again, under whatever was there before.
  sigaction(SIGSEGV, &previous_action, nullptr);
}

void watch_accesses() {
  static const bool once = [] {
    struct sigaction action = {};
    action.sa_sigaction = report_access;
    action.sa_flags = SA_SIGINFO | SA_ONSTACK;
    sigemptyset(&action.sa_mask);
    sigaction(SIGSEGV, &action, &previous_action);
    return true;
  }();
  static_cast<void>(once);
}

bool make_readable(Device& device, std::size_t end) {
  if (end <= device.readable) return true;
  const std::size_t target = std::min(rounded(end, kChunk), device.span);
  void* from = at(device.base + kSpan + device.readable);
  const std::size_t bytes = target - device.readable;
  if (mprotect(from, bytes, PROT_READ | PROT_WRITE) != 0) return false;
  poison(from, bytes);
  device.readable = target;
  return true;
}

}  // namespace

void reserve_addresses(Device& device) {
  void* range = mmap(nullptr, 2 * kSpan, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
  if (range == MAP_FAILED) {
    write_error("emulation: there are no addresses left for a device's memory\n");
    std::abort();
  }
  device.base = reinterpret_cast<std::uintptr_t>(range);
  device.span = kSpan;
  device.free_regions.emplace(device.base, kSpan);
  device.next_region = device.base;
  ranges[device.ordinal].store(&device, std::memory_order_release);
  watch_accesses();
}

bool take_region(Device& device, std::size_t bytes, Block& block) {
  const std::size_t region = rounded(bytes + kRedzone, kAlignment);
  auto& regions = device.free_regions;
  const auto fits = [region](const auto& entry) { return entry.second >= region; };
  auto found = std::find_if(regions.lower_bound(device.next_region), regions.end(), fits);
  if (found == regions.end()) found = std::find_if(regions.begin(), regions.end(), fits);
  if (found == regions.end()) return false;
  const auto [address, available] = *found;
  if (!make_readable(device, address + region - device.base)) return false;
  regions.erase(found);
  if (available > region) regions.emplace(address + region, available - region);
  // Going round all of the range would touch ever more of the real memory; once round what is in use will do.
  device.next_region = address + region - device.base > 2 * config().memory_bytes ? device.base : address + region;
  block = {address, bytes, region};
  return true;
}

void give_region(Device& device, const Block& block) {
  auto& regions = device.free_regions;
  auto placed = regions.emplace(block.address, block.region).first;
  const auto after = std::next(placed);
  if (after != regions.end() && placed->first + placed->second == after->first) {
    placed->second += after->second;
    regions.erase(after);
  }
  if (placed == regions.begin()) return;
  const auto before = std::prev(placed);
  if (before->first + before->second != placed->first) return;
  before->second += placed->second;
  regions.erase(placed);
}

void begin_life(const Block& block, std::size_t bytes) {
  // Streams may end after the program's static objects.
  static const Pattern& fresh = *new Pattern(kFresh);
  void* alias = alias_of(block);
  if constexpr (kThreadSanitizer) {
    // Whoever used these addresses before was done with them; a fresh mapping has no history.
    hide_begin();
    mmap(alias, block.region, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE | MAP_FIXED, -1, 0);
    hide_end();
    std::memset(alias, kFresh, std::min(bytes, kShown));
  } else {
    unpoison(alias, bytes);
    fresh.fill(alias, bytes);
    // What was mapped for that is alive all of it.
    poison(alias, block.region);
    unpoison(alias, bytes);
  }
}

void end_life(const Block& block, std::size_t bytes) {
  static const Pattern& freed = *new Pattern(kFreed);
  void* alias = alias_of(block);
  if constexpr (kThreadSanitizer) {
    std::memset(alias, kFreed, std::min(bytes, kShown));
  } else {
    unpoison(alias, bytes);  // of a device that failed, it may never have begun
    freed.fill(alias, bytes);
    poison(alias, block.region);
  }
}

const Device* device_of(const volatile void* pointer) {
  const std::uintptr_t address = reinterpret_cast<std::uintptr_t>(pointer);
  for (const auto& range : ranges) {
    const Device* device = range.load(std::memory_order_relaxed);
    if (device != nullptr && address >= device->base && address - device->base < 2 * kSpan) return device;
  }
  return nullptr;
}

std::uintptr_t host_address(const volatile void* pointer) {
  const std::uintptr_t address = reinterpret_cast<std::uintptr_t>(pointer);
  const Device* device = device_of(pointer);
  return device != nullptr && address >= device->base + kSpan ? address - kSpan : address;
}

void* device_alias(const volatile void* pointer) {
  const std::uintptr_t address = reinterpret_cast<std::uintptr_t>(pointer);
  const Device* device = device_of(pointer);
  return at(device != nullptr && address < device->base + kSpan ? address + kSpan : address);
}

const Allocation* find_allocation(const volatile void* pointer, std::size_t bytes) {
  const std::uintptr_t address = host_address(pointer);
  const auto& allocations = state().allocations;
  const auto after = allocations.upper_bound(address);
  if (after == allocations.begin()) return nullptr;
  const Allocation& found = std::prev(after)->second;
  const std::size_t offset = address - found.block.address;
  return offset <= found.bytes && bytes <= found.bytes - offset && offset < std::max<std::size_t>(found.bytes, 1)
             ? &found
             : nullptr;
}

bool is_pinned(const volatile void* pointer, std::size_t bytes) {
  const std::uintptr_t address = reinterpret_cast<std::uintptr_t>(pointer);
  const auto& pinned = state().pinned;
  const auto after = pinned.upper_bound(address);
  if (after == pinned.begin()) return false;
  const auto& [start, size] = *std::prev(after);
  return address - start < size && bytes <= size - (address - start);
}

bool is_device_memory(const void* pointer, std::size_t bytes) {
  const Quiet quiet;
  if (find_allocation(pointer, bytes) != nullptr) return true;
  // What is freed on a stream is there until the stream comes to it.
  const std::uintptr_t address = host_address(pointer);
  for (const auto& pending : state().pending_frees) {
    const std::uintptr_t offset = address - pending->allocation.block.address;
    if (address >= pending->allocation.block.address && offset < pending->allocation.bytes &&
        bytes <= pending->allocation.bytes - offset) {
      return true;
    }
  }
  return false;
}

}  // namespace emulation
