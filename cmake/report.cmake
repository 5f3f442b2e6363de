# What the report's page carries inside itself.
include_guard()
include(${CMAKE_CURRENT_LIST_DIR}/embed.cmake)

find_file(CLADE_CHART_JS chart.min.js
  PATHS /usr/share/javascript/chart.js /usr/local/share/javascript/chart.js
  DOC "Chart.js 3, the build for browsers")
if(NOT CLADE_CHART_JS)
  message(FATAL_ERROR "Chart.js not found: install libjs-chart.js, or give the build for browsers "
    "with -DCLADE_CHART_JS=FOLDER/chart.min.js")
endif()

clade_embed(clade_report chart_js ${CLADE_CHART_JS})
clade_embed(clade_report page_css ${PROJECT_SOURCE_DIR}/clade/report/page.css)
clade_embed(clade_report page_js ${PROJECT_SOURCE_DIR}/clade/report/page.js)
