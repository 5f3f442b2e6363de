# `cmake --install build` puts the command, the libraries, their headers and a CMake package in
# place; afterwards find_package(clade) gives the target clade::clade.
include(GNUInstallDirs)
include(CMakePackageConfigHelpers)

set(package_folder ${CMAKE_INSTALL_LIBDIR}/cmake/clade)
get_property(rooms GLOBAL PROPERTY CLADE_ROOMS)
install(TARGETS clade ${rooms} EXPORT cladeTargets ARCHIVE DESTINATION ${CMAKE_INSTALL_LIBDIR})
install(EXPORT cladeTargets NAMESPACE clade:: DESTINATION ${package_folder})
# The headers that clade/clade.h leads to. All others are the library's own.
set(public clade/clade.h)
set(unread ${public})
while(unread)
  list(POP_FRONT unread header)
  file(STRINGS ${PROJECT_SOURCE_DIR}/${header} includes REGEX "^#include \"clade/")
  foreach(include ${includes})
    string(REGEX REPLACE ".*\"(.*)\".*" "\\1" included ${include})
    if(NOT included IN_LIST public)
      list(APPEND public ${included})
      list(APPEND unread ${included})
    endif()
  endforeach()
endwhile()
foreach(header ${public})
  cmake_path(GET header PARENT_PATH folder)
  install(FILES ${PROJECT_SOURCE_DIR}/${header}
    DESTINATION ${CMAKE_INSTALL_INCLUDEDIR}/${folder})
endforeach()
if(CLADE_BUILD_COMMAND)
  install(TARGETS clade_command RUNTIME DESTINATION ${CMAKE_INSTALL_BINDIR})
endif()

configure_package_config_file(${PROJECT_SOURCE_DIR}/cmake/cladeConfig.cmake.in
  ${PROJECT_BINARY_DIR}/cladeConfig.cmake INSTALL_DESTINATION ${package_folder})
write_basic_package_version_file(${PROJECT_BINARY_DIR}/cladeConfigVersion.cmake
  COMPATIBILITY SameMinorVersion)
install(FILES ${PROJECT_BINARY_DIR}/cladeConfig.cmake ${PROJECT_BINARY_DIR}/cladeConfigVersion.cmake
  DESTINATION ${package_folder})
