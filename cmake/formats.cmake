# What the formats room can read. PUBLIC: tests ask too, and so does the report, which draws PNGs.
foreach(library ZLIB PNG JPEG MATIO HDF5)
  target_compile_definitions(clade_formats PUBLIC
    $<$<BOOL:${CLADE_WITH_${library}}>:CLADE_WITH_${library}>)
endforeach()
if(CLADE_WITH_HDF5)
  target_include_directories(clade_formats PUBLIC $<BUILD_INTERFACE:${CLADE_HDF5_INCLUDE}>)
endif()
if(CLADE_WITH_MATIO)
  # Its tests write with it.
  target_include_directories(clade_formats PUBLIC $<BUILD_INTERFACE:${CLADE_MATIO_INCLUDE}>)
endif()
