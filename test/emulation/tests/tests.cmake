# emulation_tests: the emulated CUDA device, and cuda/ on it.
# A test is a file <folder>/<name>_test.cpp here; a program that tests run as a child is <folder>/<name>_child.cpp.

set(emulation_tests_root ${CMAKE_CURRENT_LIST_DIR})

function(emulation_program name)
  target_include_directories(${name} BEFORE PRIVATE "${root}/test/emulation/include")
  target_include_directories(${name} PRIVATE
    ${emulation_tests_root} "${root}/test/emulation" "${root}/cuda" "${root}" "${root}/test/native")
  target_compile_definitions(${name} PRIVATE EMULATION_TEST_CHILDREN="${CMAKE_BINARY_DIR}")
  target_link_libraries(${name} PRIVATE tensorlane_cuda_emulated emulated_cudart)
endfunction()

file(GLOB emulation_sources CONFIGURE_DEPENDS ${emulation_tests_root}/*/*.cpp)
set(children ${emulation_sources})
list(FILTER children INCLUDE REGEX "_child\\.cpp$")
list(FILTER emulation_sources EXCLUDE REGEX "_child\\.cpp$")

test_program(emulation_tests ${emulation_sources})
# They speak of their models and runs in the same words, so they are never compiled as one.
file(GLOB model_tests ${emulation_tests_root}/onnx/*.cpp)
set_source_files_properties(${model_tests} PROPERTIES SKIP_UNITY_BUILD_INCLUSION ON)
set_source_files_properties(${emulation_tests_root}/kernels/descending_order.cpp PROPERTIES
  COMPILE_OPTIONS -O2 SKIP_PRECOMPILE_HEADERS ON SKIP_UNITY_BUILD_INCLUSION ON)
add_conformance(emulation_tests cuda)
emulation_program(emulation_tests)
target_precompile_headers(emulation_tests PRIVATE
  <algorithm> <cmath> <functional> <memory> <random> <string> <vector> <doctest/doctest.h> <cuda_runtime.h>)
# They are opened at run time.
add_dependencies(emulation_tests emulated_cuda_libraries emulated_provider)
target_compile_definitions(emulation_tests PRIVATE
  TENSORLANE_TEST_ONNXRUNTIME="${onnxruntime}"
  TENSORLANE_TEST_MODEL="${model}"
  TENSORLANE_TEST_PROVIDER="$<TARGET_FILE:emulated_provider>")

foreach(source ${children})
  get_filename_component(child "${source}" NAME_WE)
  add_executable(${child} "${source}")
  target_compile_options(${child} PRIVATE -Wall -Wextra -Wpedantic -Wshadow -Werror)
  emulation_program(${child})
  add_dependencies(emulation_tests ${child})
endforeach()
