# Compiler settings that every target of Hearth shares. Floating point is left exact: no fast-math,
# no contraction behind the programmer's back, so that gcc and clang agree bit for bit.
set(CMAKE_POSITION_INDEPENDENT_CODE ON)  # the static libraries also go into libhearth.so
add_library(hearth_options INTERFACE)
target_compile_features(hearth_options INTERFACE cxx_std_20)
target_compile_options(hearth_options INTERFACE $<$<COMPILE_LANGUAGE:CXX>:
  -Wall;-Wextra;-Wconversion;-Werror;-ffp-contract=off;-fno-omit-frame-pointer>)
target_include_directories(hearth_options INTERFACE
  $<BUILD_INTERFACE:${PROJECT_SOURCE_DIR}/src> $<BUILD_INTERFACE:${PROJECT_SOURCE_DIR}/include>)

if(HEARTH_SANITIZE)
  add_compile_options(-fsanitize=${HEARTH_SANITIZE} -fno-sanitize-recover=all)
  add_link_options(-fsanitize=${HEARTH_SANITIZE})
  if(CMAKE_CXX_COMPILER_ID STREQUAL "GNU")
    add_compile_options(-Wno-maybe-uninitialized)  # gcc 12 sees what isn't there in instrumented code
  endif()
endif()
if(HEARTH_FUZZ)
  add_compile_options(-fsanitize=fuzzer-no-link)
endif()
if(HEARTH_COVERAGE)
  add_compile_options(-fprofile-instr-generate -fcoverage-mapping)
  add_link_options(-fprofile-instr-generate)
endif()
if(NOT CMAKE_BUILD_TYPE)
  set(CMAKE_BUILD_TYPE Release CACHE STRING "" FORCE)
endif()
find_program(CCACHE ccache)
if(CCACHE)
  set(CMAKE_CXX_COMPILER_LAUNCHER ${CCACHE})
endif()
