# tensorlane: the addon, tensorlane.node, with what core.cmake makes and the CUDA device that `cuda_device` names, if any.
# CMAKE_JS_INC and CMAKE_JS_LIB are cmake-js's: the headers of Node-API and node-addon-api, and what Windows links.

file(READ "${CMAKE_CURRENT_LIST_DIR}/../package.json" package)
string(JSON tensorlane_version GET "${package}" version)

file(GLOB addon_sources CONFIGURE_DEPENDS
  ${CMAKE_CURRENT_LIST_DIR}/binding/*.cpp ${CMAKE_CURRENT_LIST_DIR}/binding/*/*.cpp)
add_library(tensorlane SHARED ${CMAKE_CURRENT_LIST_DIR}/devices.cpp ${addon_sources})
set_target_properties(tensorlane PROPERTIES PREFIX "" SUFFIX ".node")
# cmake-js names the headers of Node-API and node-addon-api; no header of V8 is used.
target_include_directories(tensorlane SYSTEM PRIVATE ${CMAKE_JS_INC})
target_compile_definitions(tensorlane PRIVATE
  NAPI_VERSION=9
  NODE_ADDON_API_CPP_EXCEPTIONS
  # In an environment that is ending, every call into JS fails: then there is nobody left to throw to.
  NODE_API_SWALLOW_UNTHROWABLE_EXCEPTIONS
  TENSORLANE_VERSION="${tensorlane_version}"
)
# Node unloads an addon that only a worker had loaded when that worker ends, and our exit handler with it.
target_link_options(tensorlane PRIVATE $<$<PLATFORM_ID:Linux>:-Wl,-z,nodelete>)
target_link_libraries(tensorlane PRIVATE tensorlane_core ${CMAKE_JS_LIB})
if(cuda_device)
  target_compile_definitions(tensorlane PRIVATE TENSORLANE_WITH_CUDA)
  target_include_directories(tensorlane PRIVATE ${CMAKE_CURRENT_LIST_DIR}/..)
  target_link_libraries(tensorlane PRIVATE ${cuda_device})
endif()
