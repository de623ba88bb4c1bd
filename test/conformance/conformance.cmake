# add_conformance(program cpu|cuda): the cases that every device must pass, on the program's device, and what they share
# with the program's other tests. A case is in a file <operation>_conformance_test.cpp here.
#
# They know the device by subject.h alone, so that they are compiled once a build, whichever programs run them.
set(conformance_root ${CMAKE_CURRENT_LIST_DIR})
file(GLOB conformance_sources CONFIGURE_DEPENDS ${conformance_root}/*_test.cpp)
add_library(conformance_cases OBJECT EXCLUDE_FROM_ALL ${conformance_sources} ${conformance_root}/support/matrices.cpp)
target_include_directories(conformance_cases PRIVATE ${conformance_root})
target_include_directories(conformance_cases SYSTEM PRIVATE ${DOCTEST_INCLUDE})
target_link_libraries(conformance_cases PRIVATE tensorlane_core)
# They are many assertions and little work: to optimize them takes twice as long, and saves nothing.
target_compile_options(conformance_cases PRIVATE -O0)

# Half of what the tests of the SVD do is to judge its results, and all of that on copies of a test's own: it is optimized where they
# are not, and nothing that threads share is looked at in it.
set_source_files_properties(${conformance_root}/support/matrices.cpp PROPERTIES
  COMPILE_OPTIONS "-O2;$<$<STREQUAL:${SANITIZE},thread>:-fno-sanitize=thread>"
  SKIP_PRECOMPILE_HEADERS ON SKIP_UNITY_BUILD_INCLUSION ON)

function(add_conformance program device)
  target_sources(${program} PRIVATE ${conformance_root}/${device}_subject.cpp)
  target_include_directories(${program} PRIVATE ${conformance_root})
  target_link_libraries(${program} PRIVATE conformance_cases)
endfunction()
