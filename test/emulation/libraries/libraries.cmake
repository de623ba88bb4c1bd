# The emulated libraries, as shared objects under the real file names in emulated-cuda/lib, where the search at run time
# finds them when TENSORLANE_CUDA_LIBRARIES or CUDA_HOME names that folder.
#
#   emulated_cuda_libraries   all of them

find_path(OPENBLAS_INCLUDE cblas.h PATH_SUFFIXES openblas openblas-pthread)
find_library(OPENBLAS_LIBRARY openblas)
if(NOT OPENBLAS_INCLUDE OR NOT OPENBLAS_LIBRARY)
  message(FATAL_ERROR "OpenBLAS was not found. Install it (Debian, Ubuntu: apt-get install libopenblas-dev).")
endif()

if(NOT emulated_cuda_home)
  set(emulated_cuda_home ${CMAKE_BINARY_DIR}/emulated-cuda)
endif()
add_custom_target(emulated_cuda_libraries)

# emulated_library(<name> <major> <source>...) is lib<name>.so.<major>.
function(emulated_library name major)
  set(target emulated_${name})
  list(TRANSFORM ARGN PREPEND ${CMAKE_CURRENT_FUNCTION_LIST_DIR}/)
  add_library(${target} SHARED ${ARGN})
  set_target_properties(${target} PROPERTIES
    OUTPUT_NAME ${name} SUFFIX .so.${major} LIBRARY_OUTPUT_DIRECTORY ${emulated_cuda_home}/lib)
  target_include_directories(${target} SYSTEM PRIVATE ${OPENBLAS_INCLUDE})
  target_compile_options(${target} PRIVATE
    -Wall -Wextra -Wpedantic -Wshadow -Wconversion -Wnon-virtual-dtor -Woverloaded-virtual -Werror -fvisibility=hidden)
  target_link_libraries(${target} PRIVATE emulated_cudart ${OPENBLAS_LIBRARY} ${CMAKE_DL_LIBS})
  # The file name is the soname.
  target_link_options(${target} PRIVATE LINKER:-soname,lib${name}.so.${major})
  # Each file speaks of its routine in the same words, so they are never compiled as one.
  set_target_properties(${target} PROPERTIES NO_SONAME ON UNITY_BUILD OFF)
  add_dependencies(emulated_cuda_libraries ${target})
endfunction()

emulated_library(cublas 13 cublas.cpp)
emulated_library(cublasLt 13 cublas_lt.cpp lt_objects.cpp)
emulated_library(cusparse 12 empty.cpp)
emulated_library(nvJitLink 13 empty.cpp)
emulated_library(cusolver 12
  jacobi.cpp solver_handle.cpp solver_lu.cpp solver_qr.cpp solver_eigen.cpp solver_gesvd.cpp solver_gesvdj.cpp
  solver_gesvda.cpp solver_gesvdp.cpp solver_gesvdr.cpp)
emulated_library(nvrtc 13 nvrtc.cpp nvrtc_build.cpp nvrtc_source.cpp)
emulated_library(nvrtc-builtins 13.0 empty.cpp)
emulated_library(cuda 1 driver.cpp)
emulated_library(nvidia-ml 1 nvml.cpp)

# It works on copies of its own, which nobody else sees, and is most of what the SVD's tests do.
set_source_files_properties(${CMAKE_CURRENT_LIST_DIR}/jacobi.cpp PROPERTIES
  COMPILE_OPTIONS "-O3;-fno-sanitize=address,undefined,thread")

# GCC 12 takes std::regex for uninitialized under AddressSanitizer.
set_source_files_properties(${CMAKE_CURRENT_LIST_DIR}/nvrtc_source.cpp PROPERTIES COMPILE_OPTIONS -Wno-maybe-uninitialized)

# What NVRTC compiles with.
target_compile_definitions(emulated_nvrtc PRIVATE
  EMULATION_COMPILER="${CMAKE_CXX_COMPILER}"
  EMULATION_INCLUDE="${CMAKE_CURRENT_LIST_DIR}/../include"
  EMULATION_RUNTIME="$<TARGET_FILE:emulated_cudart>")
