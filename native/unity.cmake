# Most of a build's time goes into headers and into what their templates make, once a file: several files are compiled as one.
# -DTENSORLANE_UNITY=OFF compiles each by itself, where one is changed and built again and again.
option(TENSORLANE_UNITY "Compile several files as one" ON)
set(CMAKE_UNITY_BUILD ${TENSORLANE_UNITY})
