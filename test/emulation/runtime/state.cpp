// The one State, the devices in it, and what becomes of them when the process ends.
#include "runtime/state.h"

#include <cstdlib>

#include "runtime/address_space.h"
#include "runtime/events.h"
#include "runtime/graphs.h"
#include "runtime/pools.h"
#include "runtime/streams.h"

namespace emulation {

State& state() {
  static State* const only = [] {
    auto* made = new State;
    std::atexit(stop_streams);
    return made;
  }();
  return *only;
}

Device* find_device(int ordinal) {
  if (ordinal < 0 || ordinal >= config().devices || ordinal >= kMaxDevices) return nullptr;
  std::unique_ptr<Device>& slot = state().devices[ordinal];
  if (slot == nullptr) {
    slot = std::make_unique<Device>();
    slot->ordinal = ordinal;
    reserve_addresses(*slot);
    slot->default_pool = std::make_shared<CUmemPoolHandle_st>(*slot);
    slot->current_pool = slot->default_pool;
    slot->pools.insert(slot->default_pool.get());
  }
  return slot.get();
}

}  // namespace emulation
