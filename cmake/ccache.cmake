# ccache, if it is installed: a file compiled before, in this tree or another, is not compiled again.
find_program(CLADE_CCACHE ccache)
if(CLADE_CCACHE AND NOT CMAKE_CXX_COMPILER_LAUNCHER)
  # Sloppiness: what a precompiled header needs. Paths under the tree count as relative ones.
  set(CMAKE_CXX_COMPILER_LAUNCHER ${CMAKE_COMMAND} -E env
    CCACHE_SLOPPINESS=pch_defines,time_macros CCACHE_BASEDIR=${PROJECT_SOURCE_DIR} CCACHE_NOHASHDIR=1
    ${CLADE_CCACHE})
endif()
# The names of files in messages are those within the tree, wherever it lies.
add_compile_options(-ffile-prefix-map=${PROJECT_SOURCE_DIR}/=)
