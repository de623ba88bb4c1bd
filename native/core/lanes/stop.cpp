#include "core/lanes/stop.h"

#include <utility>

#include "core/error.h"

namespace tensorlane {
namespace {

const Stop*& heeded() {
  thread_local const Stop* current = nullptr;
  return current;
}

[[noreturn]] void throw_aborted() { throw Error(Code::Aborted, "aborted by its signal"); }

}  // namespace

void Stop::begin() {
  State expected = State::Waiting;
  // One of several steps has begun with the first of them.
  if (!state_.compare_exchange_strong(expected, State::Begun) && expected == State::Stopped) throw_aborted();
}

Stop::Heeded::Heeded(std::shared_ptr<Stop> stop) : stop_(std::move(stop)) {
  if (stop_ == nullptr) return;
  stop_->begin();
  heeded() = stop_.get();
}

Stop::Heeded::~Heeded() { heeded() = nullptr; }

void Stop::look() {
  const Stop* current = heeded();
  if (current != nullptr && current->state_.load(std::memory_order_relaxed) == State::Stopped) throw_aborted();
}

}  // namespace tensorlane
