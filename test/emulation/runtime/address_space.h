// The addresses of a device's memory.
//
// Each device has a range of addresses that the host sees, which nothing may be read from, and right behind it its
// alias, where the bytes are. Host code that dereferences a device pointer is stopped by the first; work on a stream
// goes to the second. Regions are handed out going round, so that an address that was freed is not used again soon.
#pragma once

#include <cstddef>
#include <cstdint>

#include "runtime/state.h"

namespace emulation {

// The following are called under the lock.
void reserve_addresses(Device& device);
// False when there is no room.
bool take_region(Device& device, std::size_t bytes, Block& block);
void give_region(Device& device, const Block& block);
// Prepares and ends the life of the bytes of a block, on the thread whose order they belong to; not under the lock.
void begin_life(const Block& block, std::size_t bytes);
void end_life(const Block& block, std::size_t bytes);

// The device in whose range (or alias) an address lies, or null. Needs no lock.
const Device* device_of(const volatile void* pointer);
// The address that the host sees: undoes on_device().
std::uintptr_t host_address(const volatile void* pointer);
// The live allocation that holds all of the bytes; under the lock.
const Allocation* find_allocation(const volatile void* pointer, std::size_t bytes);
bool is_pinned(const volatile void* pointer, std::size_t bytes);

}  // namespace emulation
