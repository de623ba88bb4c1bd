// Memory of ours under JS arrays, and its other owners.
//
// When an environment ends, Node has the memory under external ArrayBuffers freed, whoever holds their backing stores,
// before it runs the first cleanup hook. Lanes stop in such a hook and may read those arrays until then. So the memory is
// owned in shares: the array's finalizer gives up one, and every pin (pin.h) has another.
#pragma once

#include <memory>

namespace tensorlane::given {

// Any thread may call these. `data` is where the array begins, and in no other array meanwhile.
void add(const void* data, std::shared_ptr<void> owner);
// The array is gone. The memory is freed here, where nobody else has a share.
void remove(const void* data) noexcept;
// Null where the array's memory is not ours.
[[nodiscard]] std::shared_ptr<void> share(const void* data);

}  // namespace tensorlane::given
