# Cross build for 64-bit ARM from Debian's cross compiler; programs run under qemu. The libraries are
# those that tools/unpack-arm64 laid out (`make neon`).
set(CMAKE_SYSTEM_NAME Linux)
set(CMAKE_SYSTEM_PROCESSOR aarch64)
set(CMAKE_CXX_COMPILER aarch64-linux-gnu-g++)
set(CMAKE_LIBRARY_ARCHITECTURE aarch64-linux-gnu)

get_filename_component(root "${CMAKE_CURRENT_LIST_DIR}/../build/arm64-root" ABSOLUTE)
set(CMAKE_FIND_ROOT_PATH "${root}")
set(CMAKE_FIND_ROOT_PATH_MODE_PROGRAM NEVER)
foreach(kind LIBRARY INCLUDE PACKAGE)
  set(CMAKE_FIND_ROOT_PATH_MODE_${kind} ONLY)
endforeach()
set(libraries "${root}/usr/lib/aarch64-linux-gnu:${root}/lib/aarch64-linux-gnu")
set(places "-L${root}/usr/lib/aarch64-linux-gnu -Wl,-rpath-link,${libraries}")
set(CMAKE_EXE_LINKER_FLAGS_INIT "${places}")
set(CMAKE_SHARED_LINKER_FLAGS_INIT "${places}")
# Headers that differ by machine (OpenSSL's) lie where Debian keeps them.
set(CMAKE_CXX_FLAGS_INIT "-isystem ${root}/usr/include/aarch64-linux-gnu")
set(CMAKE_CROSSCOMPILING_EMULATOR
  "qemu-aarch64;-L;/usr/aarch64-linux-gnu;-E;LD_LIBRARY_PATH=${libraries}")
