// Included before all else where a package is compiled. libstdc++'s headers know the glibc of the machine that compiles, and would
// take functions of it which older ones lack (2.30 and on); without them they wait as they did before.
#pragma once

#include <bits/c++config.h>
#undef _GLIBCXX_USE_PTHREAD_COND_CLOCKWAIT
#undef _GLIBCXX_USE_PTHREAD_MUTEX_CLOCKLOCK
#undef _GLIBCXX_USE_PTHREAD_RWLOCK_CLOCKLOCK
