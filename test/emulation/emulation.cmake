# The emulated CUDA device: its runtime and libraries, and the sources of cuda/ built against it as C++.
#
#   emulated_cudart            the runtime: one shared library, since the emulated libraries (loaded at run time)
#                              and the program share its state
#   tensorlane_cuda_emulated   everything in cuda/
#
# The directory's own compile options decide about sanitizers, so this is included after they are set.

include_guard(GLOBAL)
get_filename_component(emulation_root "${CMAKE_CURRENT_LIST_DIR}/../.." ABSOLUTE)
find_package(Threads REQUIRED)

# Under ThreadSanitizer the scheduler of the kernels' threads is built without it; it says itself what is ordered. Under AddressSanitizer
# neither it nor a kernel keeps its variables after it has returned: each call would ask for memory of its own, which is half of the time.
set(emulation_scheduler
  ${CMAKE_CURRENT_LIST_DIR}/runtime/block_runner.cpp
  ${CMAKE_CURRENT_LIST_DIR}/runtime/fibers.cpp
)
get_directory_property(emulation_options COMPILE_OPTIONS)
set(emulation_options "${emulation_options} ${CMAKE_CXX_FLAGS}")
if(emulation_options MATCHES "-fsanitize=thread")
  set_source_files_properties(${emulation_scheduler} PROPERTIES
    COMPILE_OPTIONS "-fno-sanitize=thread;-DEMULATION_THREAD_SANITIZER")
elseif(emulation_options MATCHES "-fsanitize=address" AND CMAKE_CXX_COMPILER_ID STREQUAL "GNU")
  set(short_lived --param=asan-use-after-return=0)
  set_source_files_properties(${emulation_scheduler} PROPERTIES COMPILE_OPTIONS ${short_lived})
endif()

add_library(emulated_cudart SHARED
  ${emulation_scheduler}
  ${CMAKE_CURRENT_LIST_DIR}/runtime/address_space.cpp
  ${CMAKE_CURRENT_LIST_DIR}/runtime/config.cpp
  ${CMAKE_CURRENT_LIST_DIR}/runtime/copies.cpp
  ${CMAKE_CURRENT_LIST_DIR}/runtime/device.cpp
  ${CMAKE_CURRENT_LIST_DIR}/runtime/events.cpp
  ${CMAKE_CURRENT_LIST_DIR}/runtime/faults.cpp
  ${CMAKE_CURRENT_LIST_DIR}/runtime/fiber_pool.cpp
  ${CMAKE_CURRENT_LIST_DIR}/runtime/filled_memory.cpp
  ${CMAKE_CURRENT_LIST_DIR}/runtime/graphs.cpp
  ${CMAKE_CURRENT_LIST_DIR}/runtime/launch.cpp
  ${CMAKE_CURRENT_LIST_DIR}/runtime/memory.cpp
  ${CMAKE_CURRENT_LIST_DIR}/runtime/pools.cpp
  ${CMAKE_CURRENT_LIST_DIR}/runtime/state.cpp
  ${CMAKE_CURRENT_LIST_DIR}/runtime/static_shared.cpp
  ${CMAKE_CURRENT_LIST_DIR}/runtime/streams.cpp
)
set_target_properties(emulated_cudart PROPERTIES OUTPUT_NAME cudart_emulated)
# Before all others: a toolkit that is installed has headers of the same names.
target_include_directories(emulated_cudart BEFORE PUBLIC
  ${CMAKE_CURRENT_LIST_DIR}/include
  ${CMAKE_CURRENT_LIST_DIR}
)
target_compile_options(emulated_cudart PRIVATE
  -Wall -Wextra -Wpedantic -Wshadow -Wconversion -Wnon-virtual-dtor -Werror -fvisibility=hidden)
# Every switch of fibers asks for what belongs to the thread. It is little, and found at a fixed place, with no call.
target_compile_options(emulated_cudart PRIVATE -ftls-model=initial-exec)
target_link_libraries(emulated_cudart PUBLIC Threads::Threads)

include(${CMAKE_CURRENT_LIST_DIR}/libraries/libraries.cmake)

file(GLOB cuda_sources CONFIGURE_DEPENDS
  ${emulation_root}/cuda/*.cpp ${emulation_root}/cuda/*/*.cpp ${emulation_root}/cuda/*.cu ${emulation_root}/cuda/*/*.cu)
set(cuda_kernels ${cuda_sources})
list(FILTER cuda_kernels INCLUDE REGEX "\\.cu$")
# Where a thread of a block loads nothing it keeps nothing, which g++ takes for reading what was never written.
set_source_files_properties(${cuda_kernels} PROPERTIES
  LANGUAGE CXX COMPILE_OPTIONS "-x;c++;-Wno-uninitialized;-Wno-maybe-uninitialized;${short_lived}" SKIP_PRECOMPILE_HEADERS ON)
add_library(tensorlane_cuda_emulated STATIC ${cuda_sources})
target_precompile_headers(tensorlane_cuda_emulated PRIVATE
  <algorithm> <functional> <memory> <string> <vector> <cuda_runtime.h>)
# Nobody measures the emulation: quickly built is what counts.
target_compile_options(tensorlane_cuda_emulated PRIVATE -O1)
target_include_directories(tensorlane_cuda_emulated BEFORE PUBLIC ${CMAKE_CURRENT_LIST_DIR}/include)
target_include_directories(tensorlane_cuda_emulated PUBLIC ${emulation_root} ${emulation_root}/cuda)
target_compile_definitions(tensorlane_cuda_emulated PUBLIC TENSORLANE_CUDA=1 TENSORLANE_EMULATED_CUDA=1)
target_link_libraries(tensorlane_cuda_emulated PUBLIC emulated_cudart tensorlane_core)
