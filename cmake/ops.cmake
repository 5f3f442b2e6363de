# clade/ops/kernels.cpp once for each instruction set, and what else the room needs.
target_compile_definitions(clade_ops PRIVATE $<$<BOOL:${CLADE_WITH_ONEDNN}>:CLADE_WITH_ONEDNN>)
target_link_libraries(clade_ops PRIVATE OpenMP::OpenMP_CXX)
if(CLADE_WITH_ONEDNN)
  target_include_directories(clade_ops PRIVATE ${CLADE_ONEDNN_INCLUDE})
endif()

function(clade_kernels isa)
  add_library(clade_kernels_${isa} OBJECT ${PROJECT_SOURCE_DIR}/clade/ops/kernels.cpp)
  set_target_properties(clade_kernels_${isa} PROPERTIES POSITION_INDEPENDENT_CODE ON)
  target_include_directories(clade_kernels_${isa} PRIVATE ${PROJECT_SOURCE_DIR})
  target_compile_definitions(clade_kernels_${isa} PRIVATE CLADE_KERNELS=kernels_${isa})
  # Optimised whatever the build type: without vector code these loops are no use.
  target_compile_options(clade_kernels_${isa} PRIVATE -Wall -Wextra -O3 -fopenmp-simd
    -fno-math-errno -fno-trapping-math -ffp-contract=fast ${ARGN})
  if(CLADE_WARNINGS_AS_ERRORS)
    target_compile_options(clade_kernels_${isa} PRIVATE -Werror)
  endif()
  clade_sanitize(clade_kernels_${isa})
  target_sources(clade_ops PRIVATE $<TARGET_OBJECTS:clade_kernels_${isa}>)
endfunction()

clade_kernels(baseline)
if(CMAKE_SYSTEM_PROCESSOR MATCHES "x86_64|AMD64")
  target_compile_definitions(clade_ops PRIVATE CLADE_X86_KERNELS)
  clade_kernels(avx2 -march=x86-64-v3)
  clade_kernels(avx512 -march=x86-64-v4 -mprefer-vector-width=512)
endif()
