# tensorlane_core: everything native that knows nothing of Node. The addon links it, and so do the native tests.

# Of the compilers that are at hand, and so for CI: a newer one, on somebody's machine, may warn of more.
set(TENSORLANE_WERROR "$ENV{TENSORLANE_WERROR}" CACHE BOOL "whether a warning is an error")

find_package(Threads REQUIRED)

if(APPLE)
  # Prepared, and untried. The new LAPACK has 3.9's functions, by their Fortran names.
  set(blas "-framework Accelerate")
  set(blas_definitions TENSORLANE_ACCELERATE ACCELERATE_NEW_LAPACK)
else()
  find_path(OPENBLAS_INCLUDE cblas.h PATH_SUFFIXES openblas openblas-pthread)
  find_library(OPENBLAS_LIBRARY openblas)
  if(NOT OPENBLAS_INCLUDE OR NOT OPENBLAS_LIBRARY)
    message(FATAL_ERROR "OpenBLAS was not found. Install it "
      "(Debian, Ubuntu: apt-get install libopenblas-dev; Fedora: dnf install openblas-devel).")
  endif()
  set(blas ${OPENBLAS_LIBRARY})
endif()

# Each operation is a file of its own, so that a new one needs no line here.
file(GLOB core_sources CONFIGURE_DEPENDS
  ${CMAKE_CURRENT_LIST_DIR}/core/*.cpp
  ${CMAKE_CURRENT_LIST_DIR}/core/*/*.cpp
  ${CMAKE_CURRENT_LIST_DIR}/device/*.cpp
  ${CMAKE_CURRENT_LIST_DIR}/device/*/*.cpp
  ${CMAKE_CURRENT_LIST_DIR}/cpu/*.cpp
  ${CMAKE_CURRENT_LIST_DIR}/cpu/*/*.cpp
  ${CMAKE_CURRENT_LIST_DIR}/json/*.cpp
  ${CMAKE_CURRENT_LIST_DIR}/onnx/*.cpp
  ${CMAKE_CURRENT_LIST_DIR}/onnx/*/*.cpp)
add_library(tensorlane_core STATIC ${core_sources})
# GCC makes no vectors of a choice between numbers while a comparison might trap, which none here does. By itself the file has
# other options than what it would be compiled as one with.
set_source_files_properties(${CMAKE_CURRENT_LIST_DIR}/cpu/ops/vector_math.cpp PROPERTIES
  COMPILE_OPTIONS -fno-trapping-math SKIP_PRECOMPILE_HEADERS ON SKIP_UNITY_BUILD_INCLUSION ON)
# Kernels for small matrices, once an instruction set: with that set's options, a file has nothing in common with any other. With
# TENSORLANE_PLAIN_KERNELS there are those alone that every processor can run: of the same source, and sooner built.
set(options_of_plain)
if(TENSORLANE_PLAIN_KERNELS)
  target_compile_definitions(tensorlane_core PRIVATE TENSORLANE_PLAIN_KERNELS)
elseif(CMAKE_SYSTEM_PROCESSOR MATCHES "x86_64|AMD64")
  set(options_of_avx2 -mavx2 -mfma)
  set(options_of_avx512 -mavx2 -mfma -mavx512f -mavx512dq -mavx512vl)
endif()
foreach(set plain avx2 avx512)
  set(kernel_options -ffp-contract=fast -fno-math-errno -fno-trapping-math ${options_of_${set}})
  set_source_files_properties(${CMAKE_CURRENT_LIST_DIR}/cpu/small/kernels_${set}.cpp PROPERTIES
    COMPILE_OPTIONS "${kernel_options}" SKIP_PRECOMPILE_HEADERS ON SKIP_UNITY_BUILD_INCLUSION ON)
endforeach()
target_include_directories(tensorlane_core PUBLIC ${CMAKE_CURRENT_LIST_DIR})
target_include_directories(tensorlane_core SYSTEM PUBLIC ${OPENBLAS_INCLUDE})
target_compile_definitions(tensorlane_core PUBLIC ${blas_definitions})
target_link_libraries(tensorlane_core PUBLIC ${blas} Threads::Threads ${CMAKE_DL_LIBS})
target_compile_options(tensorlane_core PUBLIC
  -Wall -Wextra -Wpedantic -Wshadow -Wconversion -Wnon-virtual-dtor -Woverloaded-virtual
  $<$<BOOL:${TENSORLANE_WERROR}>:-Werror>)
# GCC 12 takes `"text" + std::string(...)` for a copy within one string, here and there, by what it has inlined (its bug 105651).
if(CMAKE_CXX_COMPILER_ID STREQUAL "GNU" AND CMAKE_CXX_COMPILER_VERSION VERSION_LESS 13)
  target_compile_options(tensorlane_core PUBLIC -Wno-restrict)
endif()
