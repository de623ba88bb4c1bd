# For a package: an addon that has libstdc++ and OpenBLAS inside, and runs where glibc is as old as the one in TENSORLANE_SYSROOT,
# whose libraries it is linked against. It is compiled with this machine's headers. To be included after project().
#   TENSORLANE_SYSROOT     a folder with lib/libc.so.6 and usr/lib/libc_nonshared.a
#   OPENBLAS_LIBRARY       a static one
set(portable_folder "${CMAKE_CURRENT_LIST_DIR}")

set(portable_flags "-include ${portable_folder}/old_glibc.h")
if(CMAKE_SYSTEM_PROCESSOR MATCHES "x86_64|AMD64")
  string(APPEND portable_flags " -march=x86-64-v2")
  set(dynamic_loader ld-linux-x86-64.so.2)
else()
  set(dynamic_loader ld-linux-aarch64.so.1)
endif()
set(CMAKE_CXX_FLAGS "${CMAKE_CXX_FLAGS} ${portable_flags} -g1")
string(REPLACE "-march=" "-Xcompiler=-march=" cuda_portable_flags "${portable_flags}")
set(CMAKE_CUDA_FLAGS "${CMAKE_CUDA_FLAGS} ${cuda_portable_flags}")

execute_process(COMMAND ${CMAKE_CXX_COMPILER} -print-file-name=libstdc++.a
  OUTPUT_VARIABLE static_libstdcxx OUTPUT_STRIP_TRAILING_WHITESPACE)
if(NOT IS_ABSOLUTE "${static_libstdcxx}")
  message(FATAL_ERROR "${CMAKE_CXX_COMPILER} has no libstdc++.a")
endif()

# libgcc's unwinder is the shared one: that of a newer static one wants a newer glibc.
set(CMAKE_CXX_STANDARD_LIBRARIES "${static_libstdcxx} -Wl,--as-needed")
foreach(library
    lib/libm.so.6 lib/libpthread.so.0 usr/lib/libpthread_nonshared.a lib/libdl.so.2 lib/librt.so.1 lib/libgcc_s.so.1 lib/libc.so.6
    usr/lib/libc_nonshared.a lib/${dynamic_loader})
  string(APPEND CMAKE_CXX_STANDARD_LIBRARIES " ${TENSORLANE_SYSROOT}/${library}")
endforeach()
string(APPEND CMAKE_CXX_STANDARD_LIBRARIES " -lgcc")
set(CMAKE_CUDA_STANDARD_LIBRARIES "${CMAKE_CXX_STANDARD_LIBRARIES}")

add_library(tensorlane_portable OBJECT ${portable_folder}/runtime.cpp ${portable_folder}/blas_kernels.cpp)
set_target_properties(tensorlane_portable PROPERTIES UNITY_BUILD OFF)
link_libraries($<TARGET_OBJECTS:tensorlane_portable>)
# Another copy of libstdc++ or OpenBLAS in the process sees nothing of this one.
add_link_options(-nodefaultlibs -Wl,--exclude-libs,ALL -Wl,--version-script,${portable_folder}/exports.map)
