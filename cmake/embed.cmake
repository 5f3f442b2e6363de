# clade_embed(TARGET SYMBOL FILE): the bytes of FILE as clade::embedded::SYMBOL, a std::string_view.
# The same file, run as a script, writes the source.
if(CMAKE_SCRIPT_MODE_FILE)
  file(READ ${FILE} bytes HEX)
  string(REGEX REPLACE "(..)" "'\\\\x\\1'," bytes "${bytes}")
  file(WRITE ${SOURCE} "#include <string_view>
namespace clade::embedded {
static constexpr char bytes[] = {${bytes}};
extern const std::string_view ${SYMBOL};
const std::string_view ${SYMBOL}{bytes, sizeof bytes};
}
")
  return()
endif()
include_guard()
set(CLADE_EMBED_SCRIPT ${CMAKE_CURRENT_LIST_FILE})

function(clade_embed target symbol file)
  set(source ${PROJECT_BINARY_DIR}/embedded/${symbol}.cpp)
  add_custom_command(OUTPUT ${source}
    COMMAND ${CMAKE_COMMAND} -DFILE=${file} -DSOURCE=${source} -DSYMBOL=${symbol}
            -P ${CLADE_EMBED_SCRIPT}
    DEPENDS ${file} ${CLADE_EMBED_SCRIPT} VERBATIM)
  target_sources(${target} PRIVATE ${source})
  set_source_files_properties(${source} PROPERTIES SKIP_UNITY_BUILD_INCLUSION ON)
endfunction()
