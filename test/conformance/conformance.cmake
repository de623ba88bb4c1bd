# add_conformance(program cpu|cuda): the cases that every device must pass, on the program's device, and what they share
# with the program's other tests. A case is in a file <operation>_conformance_test.cpp here.
set(conformance_root ${CMAKE_CURRENT_LIST_DIR})

# Half of what the tests of the SVD do is to judge its results, and all of that on copies of a test's own: it is optimized where they
# are not, and nothing that threads share is looked at in it.
set_source_files_properties(${conformance_root}/support/matrices.cpp PROPERTIES
  COMPILE_OPTIONS "-O2;$<$<STREQUAL:${SANITIZE},thread>:-fno-sanitize=thread>"
  SKIP_PRECOMPILE_HEADERS ON SKIP_UNITY_BUILD_INCLUSION ON)

function(add_conformance program device)
  file(GLOB cases CONFIGURE_DEPENDS ${conformance_root}/*_test.cpp)
  target_sources(${program} PRIVATE
    ${cases} ${conformance_root}/${device}_subject.cpp ${conformance_root}/support/matrices.cpp)
  target_include_directories(${program} PRIVATE ${conformance_root})
endfunction()
