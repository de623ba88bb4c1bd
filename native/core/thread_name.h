// What a thread is called, so that whoever looks at a server with top, perf or gdb sees whose it is.
#pragma once

namespace tensorlane {

// The calling thread, by at most 15 letters; nothing where the system has no names for threads.
void name_thread(const char* name) noexcept;

}  // namespace tensorlane
