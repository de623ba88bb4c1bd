# tensorlane_core: everything native that knows nothing of Node. The addon links it, and so do the native tests.

find_package(Threads REQUIRED)

find_path(OPENBLAS_INCLUDE cblas.h PATH_SUFFIXES openblas openblas-pthread)
find_library(OPENBLAS_LIBRARY openblas)
if(NOT OPENBLAS_INCLUDE OR NOT OPENBLAS_LIBRARY)
  message(FATAL_ERROR "OpenBLAS was not found. Install it (Debian, Ubuntu: apt-get install libopenblas-dev).")
endif()

add_library(tensorlane_core STATIC
  ${CMAKE_CURRENT_LIST_DIR}/core/copy_crew.cpp
  ${CMAKE_CURRENT_LIST_DIR}/core/lane.cpp
  ${CMAKE_CURRENT_LIST_DIR}/core/niceness.cpp
  ${CMAKE_CURRENT_LIST_DIR}/core/process_exit.cpp
  ${CMAKE_CURRENT_LIST_DIR}/core/timer.cpp
  ${CMAKE_CURRENT_LIST_DIR}/cpu/blas_share.cpp
  ${CMAKE_CURRENT_LIST_DIR}/cpu/cast.cpp
  ${CMAKE_CURRENT_LIST_DIR}/cpu/cholesky.cpp
  ${CMAKE_CURRENT_LIST_DIR}/cpu/cpu_device.cpp
  ${CMAKE_CURRENT_LIST_DIR}/cpu/det.cpp
  ${CMAKE_CURRENT_LIST_DIR}/cpu/eigh.cpp
  ${CMAKE_CURRENT_LIST_DIR}/cpu/has_non_finite.cpp
  ${CMAKE_CURRENT_LIST_DIR}/cpu/image_to_tensor.cpp
  ${CMAKE_CURRENT_LIST_DIR}/cpu/inv.cpp
  ${CMAKE_CURRENT_LIST_DIR}/cpu/matmul.cpp
  ${CMAKE_CURRENT_LIST_DIR}/cpu/qr.cpp
  ${CMAKE_CURRENT_LIST_DIR}/cpu/reduce.cpp
  ${CMAKE_CURRENT_LIST_DIR}/cpu/rows.cpp
  ${CMAKE_CURRENT_LIST_DIR}/cpu/solve.cpp
  ${CMAKE_CURRENT_LIST_DIR}/cpu/svd.cpp
  ${CMAKE_CURRENT_LIST_DIR}/cpu/top_k.cpp
  ${CMAKE_CURRENT_LIST_DIR}/cpu/transpose.cpp
  ${CMAKE_CURRENT_LIST_DIR}/onnx/model.cpp
  ${CMAKE_CURRENT_LIST_DIR}/onnx/ort_api.cpp
)
target_include_directories(tensorlane_core PUBLIC ${CMAKE_CURRENT_LIST_DIR})
target_include_directories(tensorlane_core SYSTEM PUBLIC ${OPENBLAS_INCLUDE})
target_link_libraries(tensorlane_core PUBLIC ${OPENBLAS_LIBRARY} Threads::Threads ${CMAKE_DL_LIBS})
target_compile_options(tensorlane_core PUBLIC
  -Wall -Wextra -Wpedantic -Wshadow -Wconversion -Wnon-virtual-dtor -Woverloaded-virtual -Werror)
