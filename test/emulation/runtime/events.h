// Events. An event is the handle of its latest record; who waits for it waits for the record there is at that moment.
#pragma once

#include <memory>

#include "runtime/state.h"

struct CUevent_st {
  emulation::Device* device = nullptr;
  unsigned int flags = 0;
  std::shared_ptr<emulation::Record> latest;  // null until it is recorded
};
