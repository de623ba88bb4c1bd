#include "core/thread_name.h"

#ifdef __linux__
#include <pthread.h>
#endif

namespace tensorlane {

#ifdef __linux__
void name_thread(const char* name) noexcept { pthread_setname_np(pthread_self(), name); }
#else
void name_thread(const char* /*name*/) noexcept {}
#endif

}  // namespace tensorlane
