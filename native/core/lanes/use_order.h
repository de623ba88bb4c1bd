// The order in which operations use a buffer: that in which they were submitted, whatever lanes they run on.
//
// An operation that writes must come after all that use the buffer before it, one that reads after the last that
// writes. "After" means after these were handed to the device (Event::recorded), which orders their work from there on.
// An operation waits only for operations that were submitted before it, and lanes start tasks in that order, so nobody
// waits for ever.
#pragma once

#include <algorithm>
#include <memory>
#include <utility>
#include <vector>

#include "core/lanes/event.h"

namespace tensorlane {

// For the thread that submits; not for several at once.
class UseOrder {
 public:
  using Uses = std::vector<std::shared_ptr<Event>>;

  // Adds what an operation has to wait for to `after`. `mine` is recorded when the operation has been handed over.
  void read(const std::shared_ptr<Event>& mine, Uses& after) {
    if (writer_ != mine) add(writer_, after);  // an operation may read what it writes
    // Those that are handed over need no waiting for; a buffer that is only ever read would remember all of them.
    if (readers_.size() >= kForgetAt) std::erase_if(readers_, [](const auto& reader) { return reader->recorded(); });
    readers_.push_back(mine);
  }

  void write(const std::shared_ptr<Event>& mine, Uses& after) {
    if (writer_ != mine) add(writer_, after);
    for (const auto& reader : readers_) {
      if (reader != mine) add(reader, after);
    }
    readers_.clear();
    writer_ = mine;
  }

 private:
  static constexpr std::size_t kForgetAt = 16;

  static void add(const std::shared_ptr<Event>& use, Uses& after) {
    if (use != nullptr && !use->recorded()) after.push_back(use);
  }

  std::shared_ptr<Event> writer_;
  Uses readers_;  // since then
};

}  // namespace tensorlane
