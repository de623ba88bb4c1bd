# tensorlane_binding: binding/, compiled once for however many addons are built here.
# add_addon(<name> [<cuda device>]): tensorlane.node, out of that, what core.cmake makes and that CUDA device.
# CMAKE_JS_INC and CMAKE_JS_LIB are cmake-js's: the headers of Node-API and node-addon-api, and what Windows links.

file(READ "${CMAKE_CURRENT_LIST_DIR}/../package.json" package)
string(JSON tensorlane_version GET "${package}" version)
set(native_folder "${CMAKE_CURRENT_LIST_DIR}")

file(GLOB binding_sources CONFIGURE_DEPENDS ${native_folder}/binding/*.cpp ${native_folder}/binding/*/*.cpp)
add_library(tensorlane_binding OBJECT ${binding_sources})
# cmake-js names the headers of Node-API and node-addon-api; no header of V8 is used.
target_include_directories(tensorlane_binding SYSTEM PRIVATE ${CMAKE_JS_INC})
target_compile_definitions(tensorlane_binding PRIVATE
  NAPI_VERSION=9
  NODE_ADDON_API_CPP_EXCEPTIONS
  # In an environment that is ending, every call into JS fails: then there is nobody left to throw to.
  NODE_API_SWALLOW_UNTHROWABLE_EXCEPTIONS
  TENSORLANE_VERSION="${tensorlane_version}"
)
target_link_libraries(tensorlane_binding PRIVATE tensorlane_core)

function(add_addon name)
  add_library(${name} SHARED ${native_folder}/devices.cpp $<TARGET_OBJECTS:tensorlane_binding>)
  set_target_properties(${name} PROPERTIES OUTPUT_NAME tensorlane PREFIX "" SUFFIX ".node")
  # Node unloads an addon that only a worker had loaded when that worker ends, and our exit handler with it.
  target_link_options(${name} PRIVATE $<$<PLATFORM_ID:Linux>:-Wl,-z,nodelete>)
  target_link_libraries(${name} PRIVATE tensorlane_core ${CMAKE_JS_LIB})
  if(ARGC GREATER 1)
    target_compile_definitions(${name} PRIVATE TENSORLANE_WITH_CUDA)
    target_include_directories(${name} PRIVATE ${native_folder}/..)
    target_link_libraries(${name} PRIVATE ${ARGV1})
  endif()
endfunction()
