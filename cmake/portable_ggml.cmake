# ggml as shared libraries, under names of our own: one module for each kind of processor (and GPU), of which the best is
# loaded when the addon is. Another llama.cpp in the process, or another version of ours, has other names and so its own ggml.
#
# Sets caduceus_cpu_modules, how the names of the modules for processors begin, caduceus_module_suffix, how they end, and
# caduceus_metal_module, the name of the one for Apple's GPUs.

file(READ "${CMAKE_CURRENT_SOURCE_DIR}/package.json" package)
string(JSON version GET "${package}" version)
set(version "-${version}")
if(CADUCEUS_LIBC STREQUAL "musl")
  # They lie in one folder with those for glibc.
  string(APPEND version "-musl")
endif()

if(CADUCEUS_GPU_MODULE)
  string(TOUPPER "GGML_${CADUCEUS_GPU_MODULE}" option)
  set(${option} ON CACHE BOOL "" FORCE)
endif()

# llama.cpp's choice, which it makes above ggml.
set(GGML_CUDA_GRAPHS ON CACHE BOOL "" FORCE)
if(WIN32)
  # As libraries are called there, whatever the compiler.
  set(CMAKE_SHARED_LIBRARY_PREFIX "")
  set(CMAKE_SHARED_MODULE_PREFIX "")
  if(CMAKE_SYSTEM_PROCESSOR MATCHES "^(aarch64|arm64|ARM64)$")
    # ggml can tell there what a processor knows, but has a list of modules for other systems only.
    set(CMAKE_PROJECT_ggml_INCLUDE "${CMAKE_CURRENT_SOURCE_DIR}/cmake/windows_arm64_modules.cmake")
  endif()
endif()
if(APPLE AND CADUCEUS_ZIG)
  # CMake asks this machine which macOS it has, and would link by full paths for what seems to be a very old one.
  set(CMAKE_SHARED_LIBRARY_RUNTIME_C_FLAG "-Wl,-rpath,")
  # Zig makes no bundles; a library can be loaded as well.
  foreach(language IN ITEMS C CXX)
    set(CMAKE_SHARED_MODULE_CREATE_${language}_FLAGS "${CMAKE_SHARED_LIBRARY_CREATE_${language}_FLAGS}")
  endforeach()
endif()
set(BUILD_SHARED_LIBS ON CACHE BOOL "" FORCE)
add_subdirectory("${CADUCEUS_LLAMA_CPP}/ggml" ggml EXCLUDE_FROM_ALL)

if(APPLE)
  set(caduceus_rpath "@loader_path")
else()
  set(caduceus_rpath "$ORIGIN")
endif()

set(ggml_targets)
get_property(folders DIRECTORY "${CADUCEUS_LLAMA_CPP}/ggml/src" PROPERTY SUBDIRECTORIES)
foreach(folder IN ITEMS "${CADUCEUS_LLAMA_CPP}/ggml/src" LISTS folders)
  get_property(targets DIRECTORY "${folder}" PROPERTY BUILDSYSTEM_TARGETS)
  list(APPEND ggml_targets ${targets})
endforeach()
# A megabyte each for processors that are rare and nearly as fast with the next lesser one (Ivy Bridge's with Sandy
# Bridge's, Piledriver's too; Cannon Lake's and Cooper Lake's with Skylake's and Cascade Lake's). ggml depends on them, so
# they are built of nothing, and lie apart.
set(caduceus_left_out ggml-cpu-ivybridge ggml-cpu-piledriver ggml-cpu-cannonlake ggml-cpu-cooperlake)
if(WIN32)
  # AMX has to be asked for on Windows, which ggml does on Linux alone. Zen 4's is the same without it.
  list(APPEND caduceus_left_out ggml-cpu-sapphirerapids)
  # Those that know dot products, and i8mm beside them, are enough on ARM.
  list(APPEND caduceus_left_out ggml-cpu-android_armv8.2_2 ggml-cpu-android_armv9.0_1 ggml-cpu-android_armv9.2_1
    ggml-cpu-android_armv9.2_2)
elseif(APPLE)
  # The last Macs with Intel's processors have Ice Lake's and Cascade Lake's.
  list(APPEND caduceus_left_out ggml-cpu-alderlake ggml-cpu-zen4 ggml-cpu-sapphirerapids)
endif()
file(WRITE "${CMAKE_BINARY_DIR}/nothing.c" "int caduceus_nothing;\n")
foreach(target IN LISTS caduceus_left_out)
  if(TARGET ${target})
    set_property(TARGET ${target} PROPERTY SOURCES "${CMAKE_BINARY_DIR}/nothing.c")
    list(REMOVE_ITEM ggml_targets ${target})
  endif()
endforeach()
foreach(target IN LISTS ggml_targets)
  get_target_property(type ${target} TYPE)
  if(NOT type MATCHES "^(SHARED|MODULE)_LIBRARY$")
    continue()
  endif()
  # npm drops symbolic links, so no VERSION and SOVERSION: files and SONAMEs have the version of the package in their names.
  set_property(TARGET ${target} PROPERTY VERSION)
  set_property(TARGET ${target} PROPERTY SOVERSION)
  string(REPLACE "-android_" "-" name "${target}")
  set_target_properties(${target} PROPERTIES
    OUTPUT_NAME "caduceus-${name}${version}"
    LIBRARY_OUTPUT_DIRECTORY "$<1:${CMAKE_BINARY_DIR}/build/Release>"
    RUNTIME_OUTPUT_DIRECTORY "$<1:${CMAKE_BINARY_DIR}/build/Release>"
    BUILD_WITH_INSTALL_RPATH ON INSTALL_RPATH "${caduceus_rpath}")
  if(CMAKE_SYSTEM_NAME STREQUAL "Linux")
    target_link_options(${target} PRIVATE -Wl,--gc-sections -Wl,--version-script=${CMAKE_CURRENT_SOURCE_DIR}/native/ggml_exports.map $<$<CONFIG:Release>:-s>)
    set_property(TARGET ${target} APPEND PROPERTY LINK_DEPENDS "${CMAKE_CURRENT_SOURCE_DIR}/native/ggml_exports.map")
  elseif(MINGW)
    target_sources(${target} PRIVATE native/ggml/windows/exports.c)
    target_link_options(${target} PRIVATE -Wl,--gc-sections $<$<CONFIG:Release>:-s>)
  endif()
endforeach()

if(TARGET ggml-cuda)
  # One library less to be found where it runs; cuBLAS, of 600 MB, is left to the system.
  get_target_property(libraries ggml-cuda LINK_LIBRARIES)
  list(TRANSFORM libraries REPLACE "^CUDA::cudart$" "CUDA::cudart_static")
  set_property(TARGET ggml-cuda PROPERTY LINK_LIBRARIES ${libraries})
endif()

if(WIN32)
  # Android's, which the list of modules for ARM asks for.
  get_target_property(libraries ggml-base LINK_LIBRARIES)
  list(REMOVE_ITEM libraries dl)
  set_property(TARGET ggml-base PROPERTY LINK_LIBRARIES ${libraries})
endif()

if(CMAKE_SYSTEM_NAME STREQUAL "Linux")
  target_sources(ggml-base PRIVATE native/engine/platform/huge_pages.cpp)
  target_link_options(ggml-base PRIVATE -Wl,--wrap=posix_memalign)
endif()

set(caduceus_metal_module "${CMAKE_SHARED_MODULE_PREFIX}caduceus-ggml-metal${version}${CMAKE_SHARED_MODULE_SUFFIX}")
set(caduceus_cpu_modules "${CMAKE_SHARED_MODULE_PREFIX}caduceus-ggml-cpu")
set(caduceus_module_suffix "${version}${CMAKE_SHARED_MODULE_SUFFIX}")
