# What has been compiled once is not compiled again, in no build folder and no clone of this user's: by ccache, where it is
# installed. Its cache is kept where ccache keeps it (CCACHE_DIR, else ~/.cache/ccache). Who names a launcher decides himself.

if(NOT DEFINED CMAKE_CXX_COMPILER_LAUNCHER AND NOT DEFINED ENV{CMAKE_CXX_COMPILER_LAUNCHER})
  find_program(TENSORLANE_CCACHE ccache)
  if(TENSORLANE_CCACHE)
    # Precompiled headers are written anew in each build folder, so neither their time nor what they define may count. Ninja's
    # lists of headers are enough to know an input by: nothing is preprocessed twice. Two clones share what is the same in both.
    set(CMAKE_CXX_COMPILER_LAUNCHER ${CMAKE_COMMAND} -E env
      CCACHE_SLOPPINESS=pch_defines,time_macros,include_file_mtime,include_file_ctime
      CCACHE_DEPEND=1 CCACHE_NOHASHDIR=1 ${TENSORLANE_CCACHE})
  endif()
endif()
