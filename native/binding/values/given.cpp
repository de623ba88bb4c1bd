#include "binding/values/given.h"

#include <mutex>
#include <unordered_map>
#include <utility>

namespace tensorlane::given {
namespace {

struct Arrays {
  std::mutex mutex;
  std::unordered_map<const void*, std::shared_ptr<void>> owners;  // guarded by mutex; by where an array begins
};

// Never destroyed: the environments of worker_threads may end after the process's static objects.
Arrays& arrays() {
  static auto* all = new Arrays;
  return *all;
}

}  // namespace

void add(const void* data, std::shared_ptr<void> owner) {
  Arrays& all = arrays();
  const std::scoped_lock lock(all.mutex);
  all.owners.insert_or_assign(data, std::move(owner));
}

void remove(const void* data) noexcept {
  std::shared_ptr<void> owner;  // lets go of it without the lock
  Arrays& all = arrays();
  const std::scoped_lock lock(all.mutex);
  const auto found = all.owners.find(data);
  if (found == all.owners.end()) return;
  owner = std::move(found->second);
  all.owners.erase(found);
}

std::shared_ptr<void> share(const void* data) {
  Arrays& all = arrays();
  const std::scoped_lock lock(all.mutex);
  const auto found = all.owners.find(data);
  return found == all.owners.end() ? nullptr : found->second;
}

}  // namespace tensorlane::given
