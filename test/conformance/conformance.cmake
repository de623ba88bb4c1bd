# add_conformance(program cpu|cuda): the cases that every device must pass, on the program's device, and what they share
# with the program's other tests. A case is in a file <operation>_conformance_test.cpp here.
set(conformance_root ${CMAKE_CURRENT_LIST_DIR})

function(add_conformance program device)
  file(GLOB cases CONFIGURE_DEPENDS ${conformance_root}/*_test.cpp)
  target_sources(${program} PRIVATE ${cases} ${conformance_root}/${device}_subject.cpp)
  target_include_directories(${program} PRIVATE ${conformance_root})
endfunction()
