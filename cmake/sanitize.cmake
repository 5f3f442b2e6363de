# What CLADE_SANITIZE and CLADE_FUZZ ask for.
include_guard()

function(clade_sanitize target)
  if(CLADE_SANITIZE)
    target_compile_options(${target} PRIVATE -fsanitize=${CLADE_SANITIZE}
      -fno-sanitize-recover=all -fno-omit-frame-pointer)
    target_link_options(${target} PRIVATE -fsanitize=${CLADE_SANITIZE})
  endif()
endfunction()

# libtorch's parallel loops are templates, run by OpenMP where they are compiled with it. GCC's
# OpenMP is not built for the thread sanitizer, which then sees neither the start nor the end of a
# loop and calls every one a race. So under it the loops of rooms and tests, which read this header
# first, run on plain threads.
set(CLADE_LOOPS_ON_THREADS ${PROJECT_SOURCE_DIR}/cmake/loops_on_threads.h)
