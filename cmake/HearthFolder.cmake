# hearth_folder(NAME [DEPS ...] [LIBS ...]) makes of the current source folder
#   hearth_NAME        static library of all *.cc but tests and fuzz targets
#   NAME_test          one GoogleTest binary of all *_test.cc, run by CTest as NAME
#   fuzz_X             one libFuzzer binary for each X_fuzz.cc (preset `fuzz`, target fuzz_targets)
# EXCEPT names folders below that have their own CMakeLists.txt.
# DEPS are lower folders (without the hearth_ prefix); LIBS are outside libraries.
function(hearth_folder name)
  cmake_parse_arguments(ARG "" "" "DEPS;LIBS;TEST_LIBS;EXCEPT" ${ARGN})
  file(GLOB_RECURSE sources CONFIGURE_DEPENDS *.cc)
  foreach(folder IN LISTS ARG_EXCEPT)
    list(FILTER sources EXCLUDE REGEX "^${CMAKE_CURRENT_SOURCE_DIR}/${folder}/")
  endforeach()
  set(tests ${sources})
  set(fuzzers ${sources})
  list(FILTER tests INCLUDE REGEX "_test\\.cc$")
  list(FILTER fuzzers INCLUDE REGEX "_fuzz\\.cc$")
  list(FILTER sources EXCLUDE REGEX "_(test|fuzz)\\.cc$")

  if(sources)
    add_library(hearth_${name} STATIC ${sources})
    set(scope PUBLIC)
  else()
    add_library(hearth_${name} INTERFACE)
    set(scope INTERFACE)
  endif()
  target_link_libraries(hearth_${name} ${scope} hearth_options ${ARG_LIBS})
  foreach(dep IN LISTS ARG_DEPS)
    target_link_libraries(hearth_${name} ${scope} hearth_${dep})
  endforeach()

  if(HEARTH_TESTS AND tests)
    add_executable(${name}_test ${tests})
    target_link_libraries(${name}_test PRIVATE hearth_${name} GTest::gtest_main ${ARG_TEST_LIBS})
    target_compile_definitions(${name}_test PRIVATE
      HEARTH_SOURCE_DIR="${PROJECT_SOURCE_DIR}" HEARTH_SHARED_DIR="${PROJECT_SOURCE_DIR}/../shared")
    add_test(NAME ${name} COMMAND ${name}_test)
  endif()
  # Compiled in every build, so that a change of a header can't break the fuzz preset unseen.
  if(HEARTH_TESTS AND fuzzers)
    add_library(${name}_fuzz_objects OBJECT ${fuzzers})
    target_link_libraries(${name}_fuzz_objects PRIVATE hearth_${name})
    target_compile_options(${name}_fuzz_objects PRIVATE -O0)  # never run; gcc 12 warns of itself at -O3
  endif()
  if(HEARTH_FUZZ)
    foreach(source IN LISTS fuzzers)
      get_filename_component(stem ${source} NAME_WE)
      string(REGEX REPLACE "_fuzz$" "" stem ${stem})
      add_executable(fuzz_${stem} ${source})
      target_link_libraries(fuzz_${stem} PRIVATE hearth_${name})
      target_link_options(fuzz_${stem} PRIVATE -fsanitize=fuzzer)
      add_dependencies(fuzz_targets fuzz_${stem})
    endforeach()
  endif()
endfunction()
