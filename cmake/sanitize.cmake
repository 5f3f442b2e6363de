# What CLADE_SANITIZE and CLADE_FUZZ ask for.
include_guard()

function(clade_sanitize target)
  if(CLADE_SANITIZE)
    target_compile_options(${target} PRIVATE -fsanitize=${CLADE_SANITIZE}
      -fno-sanitize-recover=all -fno-omit-frame-pointer)
    target_link_options(${target} PRIVATE -fsanitize=${CLADE_SANITIZE})
  endif()
endfunction()
