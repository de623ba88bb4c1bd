# emulated_provider: an execution provider for the emulated device, as a library that ONNX Runtime opens by its path (its plugin
# interface). It shares the emulated runtime with whatever else is in the process.

add_library(emulated_provider SHARED
  ${CMAKE_CURRENT_LIST_DIR}/factory.cpp
  ${CMAKE_CURRENT_LIST_DIR}/graphs.cpp
  ${CMAKE_CURRENT_LIST_DIR}/memory.cpp
  ${CMAKE_CURRENT_LIST_DIR}/operators.cpp
  ${CMAKE_CURRENT_LIST_DIR}/ort.cpp
  ${CMAKE_CURRENT_LIST_DIR}/provider.cpp
  ${CMAKE_CURRENT_LIST_DIR}/streams.cpp
  ${CMAKE_CURRENT_LIST_DIR}/kernels/elementwise.cpp
  ${CMAKE_CURRENT_LIST_DIR}/kernels/images.cpp
  ${CMAKE_CURRENT_LIST_DIR}/kernels/products.cpp
  ${CMAKE_CURRENT_LIST_DIR}/kernels/shapes.cpp
)
set_target_properties(emulated_provider PROPERTIES OUTPUT_NAME onnxruntime_providers_emulated)
target_compile_options(emulated_provider PRIVATE
  -Wall -Wextra -Wpedantic -Wshadow -Wconversion -Wnon-virtual-dtor -Werror -fvisibility=hidden)
# What belongs to a thread lies at a fixed place: freed with a thread, it looks to ThreadSanitizer as if nobody had waited for that thread.
target_compile_options(emulated_provider PRIVATE -ftls-model=initial-exec)
target_link_libraries(emulated_provider PRIVATE emulated_cudart)
