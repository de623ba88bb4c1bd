# Builds everything that the directory adds from here on with the sanitizer that SANITIZE names, the code under test too.

set(SANITIZE "address" CACHE STRING "The sanitizer to build with: address (with undefined behaviour), thread or none")
set_property(CACHE SANITIZE PROPERTY STRINGS address thread none)

if(SANITIZE STREQUAL "address")
  set(sanitizers -fsanitize=address,undefined)
  add_compile_options(-fno-sanitize-recover=all)
elseif(SANITIZE STREQUAL "thread")
  set(sanitizers -fsanitize=thread)
elseif(SANITIZE STREQUAL "none")
  add_compile_options(-O2 -g)
else()
  message(FATAL_ERROR "SANITIZE is '${SANITIZE}'; expected 'address', 'thread' or 'none'.")
endif()

if(sanitizers)
  add_compile_options(-O1 -g1 -fno-omit-frame-pointer ${sanitizers})
  add_link_options(${sanitizers})
  if(CMAKE_CXX_COMPILER_ID STREQUAL "GNU")
    # Between a sanitizer's checks GCC no longer sees which branches belong together, and warns of overflows in joined strings
    # that are none (its bugs 105329 and 105651). Builds without one have these warnings.
    add_compile_options(-Wno-array-bounds -Wno-restrict -Wno-stringop-overflow -Wno-stringop-overread -Wno-maybe-uninitialized)
  endif()
endif()
