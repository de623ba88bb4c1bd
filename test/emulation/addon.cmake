# The plain build's addon of the emulated GPU, in ${CMAKE_BINARY_DIR}/emulation: for the tests that a sanitizer would spoil, and
# for `npm run gpu:pack -- --emulated`. Nothing of it is built unless one of these is asked for:
#   emulation      Release/tensorlane.node, Release/emulation_control.node, the provider beside them, and emulated-cuda/lib
#   gpu_programs   tests/ and bench/: the programs of cuda/cuda.cmake. bench/gpu/kernels.cu needs a GPU's speed.

set(emulation_build ${CMAKE_BINARY_DIR}/emulation)
set(emulated_cuda_home ${emulation_build}/emulated-cuda)
include(${CMAKE_CURRENT_LIST_DIR}/emulation.cmake)
add_addon(tensorlane_emulated tensorlane_cuda_emulated)
include(${CMAKE_CURRENT_LIST_DIR}/control.cmake)
include(${CMAKE_CURRENT_LIST_DIR}/provider/provider.cmake)
foreach(library tensorlane_emulated emulation_control emulated_cudart emulated_provider)
  set_target_properties(${library} PROPERTIES
    LIBRARY_OUTPUT_DIRECTORY ${emulation_build}/Release LIBRARY_OUTPUT_DIRECTORY_RELEASE ${emulation_build}/Release)
endforeach()
add_custom_target(emulation DEPENDS tensorlane_emulated emulation_control emulated_cuda_libraries emulated_provider)

find_path(DOCTEST_INCLUDE doctest/doctest.h)
file(GLOB kernel_tests CONFIGURE_DEPENDS ${CMAKE_CURRENT_LIST_DIR}/tests/kernels/*.cpp)
include(${CMAKE_CURRENT_LIST_DIR}/../conformance/conformance.cmake)
add_executable(kernel_tests ${CMAKE_CURRENT_LIST_DIR}/../gpu/main.cpp ${kernel_tests})
add_executable(conformance_tests ${CMAKE_CURRENT_LIST_DIR}/../gpu/main.cpp)
add_conformance(conformance_tests cuda)
foreach(program kernel_tests conformance_tests)
  set_target_properties(${program} PROPERTIES RUNTIME_OUTPUT_DIRECTORY ${emulation_build}/tests)
  target_include_directories(${program} SYSTEM PRIVATE ${DOCTEST_INCLUDE})
endforeach()
add_executable(raw ${CMAKE_CURRENT_LIST_DIR}/../../bench/gpu/raw.cpp)
set_target_properties(raw PROPERTIES RUNTIME_OUTPUT_DIRECTORY ${emulation_build}/bench)
foreach(program kernel_tests conformance_tests raw)
  target_link_libraries(${program} PRIVATE tensorlane_cuda_emulated)
endforeach()
add_custom_target(gpu_programs DEPENDS kernel_tests conformance_tests raw)

get_property(targets DIRECTORY PROPERTY BUILDSYSTEM_TARGETS)
list(REMOVE_ITEM targets tensorlane tensorlane_binding tensorlane_core)
set_target_properties(${targets} PROPERTIES EXCLUDE_FROM_ALL ON)
