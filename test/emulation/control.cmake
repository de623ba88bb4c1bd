# emulation_control: the emulated device's controls, for the TypeScript tests.

add_library(emulation_control SHARED ${CMAKE_CURRENT_LIST_DIR}/control.cpp)
set_target_properties(emulation_control PROPERTIES PREFIX "" SUFFIX ".node")
target_include_directories(emulation_control SYSTEM PRIVATE ${CMAKE_JS_INC})
target_compile_definitions(emulation_control PRIVATE NAPI_VERSION=9 NODE_ADDON_API_CPP_EXCEPTIONS)
target_link_libraries(emulation_control PRIVATE emulated_cudart ${CMAKE_JS_LIB})
