# Builds everything that the directory adds from here on with the sanitizer that SANITIZE names, the code under test too.
# `test_options` are those of the tests themselves.

set(SANITIZE "address" CACHE STRING "The sanitizer to build with: address (with undefined behaviour), thread, none, or coverage (none, counting)")
set_property(CACHE SANITIZE PROPERTY STRINGS address thread none coverage)

set(test_options -O0)
if(SANITIZE STREQUAL "address")
  set(sanitizers -fsanitize=address,undefined)
  add_compile_options(-fno-sanitize-recover=all)
  # What these find, the address sanitizer finds where it is accessed; and they are a quarter of a build.
  set(found_by_address -fno-sanitize=null,object-size,pointer-overflow)
elseif(SANITIZE STREQUAL "thread")
  set(sanitizers -fsanitize=thread)
elseif(SANITIZE STREQUAL "none")
  add_compile_options(-O2 -g)
  set(test_options "")
elseif(SANITIZE STREQUAL "coverage")
  # Threads count too. Written at the end of the process, whose folder it is.
  add_compile_options(-O0 -g1 --coverage -fprofile-update=atomic -fprofile-abs-path)
  add_link_options(--coverage)
else()
  message(FATAL_ERROR "SANITIZE is '${SANITIZE}'; expected 'address', 'thread', 'none' or 'coverage'.")
endif()

if(sanitizers)
  add_compile_options(-O1 -g1 -fno-omit-frame-pointer ${sanitizers} ${found_by_address})
  add_link_options(${sanitizers})
endif()
if(CMAKE_CXX_COMPILER_ID STREQUAL "GNU")
  # GCC warns of overflows in joined strings that are none (its bugs 105329 and 105651), with -O2 and between a sanitizer's
  # checks, where it no longer sees which branches belong together. The addon's own build, with -O3, has these warnings.
  add_compile_options(-Wno-array-bounds -Wno-restrict -Wno-stringop-overflow -Wno-stringop-overread -Wno-maybe-uninitialized)
endif()
