# tensorlane_cuda: the CUDA device, for -DTENSORLANE_CUDA=nvcc. cudart is linked statically, and cuBLAS, cuSOLVER and the
# driver are opened at run time: what is built here loads where none of them exist.
#   CMAKE_CUDA_COMPILER, CUDA_HOME     which nvcc; else the one in build/cuda-toolkit, /usr/local/cuda or on the PATH
#   TENSORLANE_CUDA_INCLUDE            headers of cuBLAS, cuSOLVER and NVRTC, where the toolkit has none
#   TENSORLANE_CUDA_ARCHITECTURES      "90", say, for a quick build for one GPU
#   TENSORLANE_CUDA_FOLDER             where in the build folder the results go; else into itself
get_filename_component(root ${CMAKE_CURRENT_LIST_DIR} DIRECTORY)
set(TENSORLANE_CUDA_FOLDER "" CACHE STRING "The folder of the build folder for what has a CUDA device")
cmake_path(SET cuda_build NORMALIZE ${CMAKE_BINARY_DIR}/${TENSORLANE_CUDA_FOLDER})

find_program(CMAKE_CUDA_COMPILER nvcc
  HINTS $ENV{CUDA_HOME}/bin $ENV{CUDA_PATH}/bin ${root}/build/cuda-toolkit/13/bin ${root}/build/cuda-toolkit/12/bin
    /usr/local/cuda/bin)
if(NOT CMAKE_CUDA_COMPILER)
  message(FATAL_ERROR "nvcc was not found. `node scripts/cuda-toolkit.mjs` puts one into build/cuda-toolkit.")
endif()

# Machine code for these GPUs, as far as this nvcc knows them, and PTX for those still to come: of the newest, and of 9.0
# for a driver that is too old for that.
set(TENSORLANE_CUDA_ARCHITECTURES "75;80;86;89;90;100;120" CACHE STRING "GPU architectures to compile for")
execute_process(COMMAND ${CMAKE_CUDA_COMPILER} --list-gpu-arch OUTPUT_VARIABLE known RESULT_VARIABLE failed)
if(failed)
  message(FATAL_ERROR "${CMAKE_CUDA_COMPILER} --list-gpu-arch failed: ${failed}")
endif()
set(CMAKE_CUDA_ARCHITECTURES "")
foreach(architecture IN LISTS TENSORLANE_CUDA_ARCHITECTURES)
  if(known MATCHES "compute_${architecture}\n")
    list(APPEND CMAKE_CUDA_ARCHITECTURES ${architecture}-real)
    set(newest ${architecture})
  endif()
endforeach()
list(APPEND CMAKE_CUDA_ARCHITECTURES ${newest}-virtual)
if("90-real" IN_LIST CMAKE_CUDA_ARCHITECTURES)
  list(APPEND CMAKE_CUDA_ARCHITECTURES 90-virtual)
  list(REMOVE_DUPLICATES CMAKE_CUDA_ARCHITECTURES)
endif()

set(CMAKE_CUDA_RUNTIME_LIBRARY Static)
enable_language(CUDA)
set(CMAKE_CUDA_STANDARD 20)
set(CMAKE_CUDA_STANDARD_REQUIRED ON)
set(CMAKE_CUDA_EXTENSIONS OFF)
if(NOT CMAKE_CUDA20_STANDARD_COMPILE_OPTION)
  set(CMAKE_CUDA20_STANDARD_COMPILE_OPTION -std=c++20) # older CMakes do not know that nvcc can
endif()
set(CMAKE_CUDA_VISIBILITY_PRESET hidden)
if(CMAKE_CUDA_COMPILER_VERSION VERSION_LESS 12)
  message(FATAL_ERROR "tensorlane needs CUDA 12 or 13; ${CMAKE_CUDA_COMPILER} is ${CMAKE_CUDA_COMPILER_VERSION}.")
endif()
message(STATUS "CUDA ${CMAKE_CUDA_COMPILER_VERSION} for ${CMAKE_CUDA_ARCHITECTURES}")

string(REGEX MATCH "^[0-9]+" cuda_major ${CMAKE_CUDA_COMPILER_VERSION})
find_path(TENSORLANE_CUDA_INCLUDE cusolverDn.h
  PATHS ${CMAKE_CUDA_TOOLKIT_INCLUDE_DIRECTORIES} ${root}/build/cuda-toolkit/headers-${cuda_major}/include
  NO_DEFAULT_PATH)
if(NOT TENSORLANE_CUDA_INCLUDE)
  message(FATAL_ERROR "The headers of cuBLAS, cuSOLVER and NVRTC were not found. `node scripts/cuda-toolkit.mjs` fetches them.")
endif()

# The host compiler's warnings are no options of nvcc's.
get_target_property(warnings tensorlane_core INTERFACE_COMPILE_OPTIONS)
set_property(TARGET tensorlane_core PROPERTY INTERFACE_COMPILE_OPTIONS "$<$<COMPILE_LANGUAGE:CXX>:${warnings}>")
set(cuda_flags
  --expt-relaxed-constexpr -Wno-deprecated-gpu-targets -Xcompiler=-Wall,-Wextra,-Wshadow)
if(TENSORLANE_WERROR)
  list(APPEND cuda_flags --Werror=all-warnings)
endif()

file(GLOB sources CONFIGURE_DEPENDS
  ${CMAKE_CURRENT_LIST_DIR}/*.cpp ${CMAKE_CURRENT_LIST_DIR}/*/*.cpp
  ${CMAKE_CURRENT_LIST_DIR}/*.cu ${CMAKE_CURRENT_LIST_DIR}/*/*.cu)
# A newer CMake would compile several kernels as one, too, of which ptxas is the most of the time.
set(kernels ${sources})
list(FILTER kernels INCLUDE REGEX "\\.cu$")
set_source_files_properties(${kernels} PROPERTIES SKIP_UNITY_BUILD_INCLUSION ON)
add_library(tensorlane_cuda STATIC ${sources})
target_include_directories(tensorlane_cuda PUBLIC ${root})
target_include_directories(tensorlane_cuda SYSTEM PUBLIC
  ${CMAKE_CUDA_TOOLKIT_INCLUDE_DIRECTORIES} ${TENSORLANE_CUDA_INCLUDE})
target_compile_definitions(tensorlane_cuda PUBLIC TENSORLANE_CUDA=1)
target_compile_options(tensorlane_cuda PRIVATE "$<$<COMPILE_LANGUAGE:CUDA>:${cuda_flags}>")
if(UNIX)
  # scripts/test/ptxas.mjs reads what it keeps.
  set_target_properties(tensorlane_cuda PROPERTIES CUDA_COMPILER_LAUNCHER ${CMAKE_CURRENT_LIST_DIR}/keep-ptxas.sh)
  target_compile_options(tensorlane_cuda PRIVATE $<$<COMPILE_LANGUAGE:CUDA>:-Xptxas=-v>)
endif()
target_link_libraries(tensorlane_cuda PUBLIC tensorlane_core)
# Another addon in the process may have a cudart of its own.
target_link_options(tensorlane_cuda INTERFACE $<$<PLATFORM_ID:Linux>:LINKER:--exclude-libs,libcudart_static.a>)

# Programs for a machine with a GPU, where they are among the sources. `npm run gpu:pack` carries whatever lies in tests/, which
# exits with 0 where all is well and runs under compute-sanitizer, too, and in bench/, which bench/gpu/main.ts runs.
function(add_gpu_program name folder)
  add_executable(${name} ${ARGN})
  set_target_properties(${name} PROPERTIES RUNTIME_OUTPUT_DIRECTORY ${cuda_build}/${folder})
  target_compile_options(${name} PRIVATE "$<$<COMPILE_LANGUAGE:CUDA>:${cuda_flags}>")
  target_link_libraries(${name} PRIVATE tensorlane_cuda)
endfunction()

find_path(DOCTEST_INCLUDE doctest/doctest.h)
if(DOCTEST_INCLUDE)
  file(GLOB kernel_tests CONFIGURE_DEPENDS ${root}/test/emulation/tests/kernels/*.cpp)
  add_gpu_program(kernel_tests tests ${root}/test/gpu/main.cpp ${kernel_tests})
  include(${root}/test/conformance/conformance.cmake)
  add_gpu_program(conformance_tests tests ${root}/test/gpu/main.cpp)
  add_conformance(conformance_tests cuda)
  foreach(program kernel_tests conformance_tests)
    target_include_directories(${program} SYSTEM PRIVATE ${DOCTEST_INCLUDE})
  endforeach()
  # Here the tests themselves work out what is expected.
  target_compile_options(kernel_tests PRIVATE $<$<COMPILE_LANGUAGE:CXX>:-O1>)
  target_compile_options(conformance_tests PRIVATE $<$<COMPILE_LANGUAGE:CXX>:-O0>)
endif()
file(GLOB gpu_benchmarks CONFIGURE_DEPENDS ${root}/bench/gpu/*.cpp ${root}/bench/gpu/*.cu)
foreach(source IN LISTS gpu_benchmarks)
  get_filename_component(name ${source} NAME_WE)
  add_gpu_program(${name} bench ${source})
endforeach()
