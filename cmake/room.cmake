# clade_room(NAME LINK targets...): the library clade_NAME from clade/NAME/*.cpp and, when tests are
# built, the test clade_NAME_test from clade/NAME/*_test.cpp.
include_guard()

# What all targets have in common, tests and programs too.
function(clade_compile_options target)
  target_compile_options(${target} PRIVATE -Wall -Wextra -Wshadow -Wnon-virtual-dtor)
  if(CMAKE_CXX_COMPILER_ID STREQUAL "GNU" AND CMAKE_CXX_COMPILER_VERSION VERSION_LESS 13)
    # GCC 12 warns of overflows in its own std::string (GCC bugs 105329 and 105651).
    target_compile_options(${target} PRIVATE
      -Wno-array-bounds -Wno-stringop-overflow -Wno-restrict)
  elseif(CMAKE_CXX_COMPILER_ID STREQUAL "GNU")
    # GCC 13 takes any temporary among the arguments for what a returned reference refers to.
    target_compile_options(${target} PRIVATE -Wno-dangling-reference)
  endif()
  if(CLADE_WARNINGS_AS_ERRORS)
    target_compile_options(${target} PRIVATE -Werror)
  endif()
  # A header of libtorch takes 6 to 12 seconds to read, most of what a file costs: one source a
  # target reads it once.
  set_target_properties(${target} PROPERTIES UNITY_BUILD ${CLADE_UNITY} UNITY_BUILD_BATCH_SIZE 0)
  if(NOT CLADE_SANITIZE STREQUAL "thread")
    target_link_libraries(${target} PRIVATE OpenMP::OpenMP_CXX)
  endif()
  clade_sanitize(${target})
endfunction()

function(clade_room name)
  cmake_parse_arguments(ROOM "" "" "LINK" ${ARGN})
  set(target clade_${name})
  file(GLOB sources CONFIGURE_DEPENDS ${PROJECT_SOURCE_DIR}/clade/${name}/*.cpp)
  set(tests ${sources})
  list(FILTER sources EXCLUDE REGEX "(_test|/ops/kernels)\\.cpp$")  # kernels: see ops.cmake
  list(FILTER tests INCLUDE REGEX "_test\\.cpp$")

  add_library(${target} STATIC ${sources})
  add_library(clade::${name} ALIAS ${target})
  set_target_properties(${target} PROPERTIES EXPORT_NAME ${name} POSITION_INDEPENDENT_CODE ON)
  target_compile_features(${target} PUBLIC cxx_std_20)
  target_include_directories(${target} PUBLIC
    $<BUILD_INTERFACE:${PROJECT_SOURCE_DIR}> $<INSTALL_INTERFACE:include>)
  target_link_libraries(${target} PUBLIC ${TORCH_LIBRARIES} ${ROOM_LINK})
  clade_compile_options(${target})
  set_property(GLOBAL APPEND PROPERTY CLADE_ROOMS ${target})
  if(tests)
    set_property(GLOBAL APPEND PROPERTY CLADE_ROOM_TESTS "${target}_test")
    set_property(GLOBAL PROPERTY CLADE_${target}_test_SOURCES ${tests})
  endif()
endfunction()
