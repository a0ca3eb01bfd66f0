# Zig as the compiler. CADUCEUS_ZIG is its program, CADUCEUS_ZIG_TARGET what it builds for, such as x86_64-linux-gnu.2.31.
set(CMAKE_TRY_COMPILE_PLATFORM_VARIABLES CADUCEUS_ZIG CADUCEUS_ZIG_TARGET)
if(CADUCEUS_ZIG_TARGET MATCHES "-windows-")
  set(CMAKE_SYSTEM_NAME Windows)
  # CMake asks for a compiler of resources, of which there are none.
  set(CMAKE_RC_COMPILER "${CADUCEUS_ZIG}")
  # What ggml needs beside what zig links by itself. CMake's own list costs zig minutes.
  set(CMAKE_C_STANDARD_LIBRARIES "-ladvapi32" CACHE STRING "")
  set(CMAKE_CXX_STANDARD_LIBRARIES "-ladvapi32" CACHE STRING "")
elseif(CADUCEUS_ZIG_TARGET MATCHES "-macos")
  set(CMAKE_SYSTEM_NAME Darwin)
  # CMake asks for a program that it does not use: libraries are linked as they are installed.
  set(CMAKE_INSTALL_NAME_TOOL "${CADUCEUS_ZIG}")
else()
  set(CMAKE_SYSTEM_NAME Linux)
endif()
string(REGEX MATCH "^[^-]+" CMAKE_SYSTEM_PROCESSOR "${CADUCEUS_ZIG_TARGET}")
set(zig "${CADUCEUS_ZIG}")
if(CMAKE_SYSTEM_PROCESSOR STREQUAL "aarch64")
  set(zig "${CMAKE_CURRENT_LIST_DIR}/zig_compiler.sh" "${CADUCEUS_ZIG}")
endif()
foreach(language IN ITEMS C CXX)
  if(language STREQUAL "C")
    set(command cc)
  else()
    set(command c++)
  endif()
  # Zig has debugging information by default, which is stripped in the end.
  set(CMAKE_${language}_COMPILER ${zig} ${command} -target ${CADUCEUS_ZIG_TARGET} -g0)
  # The machine's own archiver may not know the other architecture.
  set(CMAKE_${language}_ARCHIVE_CREATE "\"${CADUCEUS_ZIG}\" ar qcs <TARGET> <OBJECTS>")
  set(CMAKE_${language}_ARCHIVE_APPEND "\"${CADUCEUS_ZIG}\" ar qs <TARGET> <OBJECTS>")
  set(CMAKE_${language}_ARCHIVE_FINISH "")
endforeach()
set(CMAKE_ASM_COMPILER ${zig} cc -target ${CADUCEUS_ZIG_TARGET})
# Nothing of this machine's.
set(CMAKE_FIND_ROOT_PATH_MODE_LIBRARY ONLY)
set(CMAKE_FIND_ROOT_PATH_MODE_INCLUDE ONLY)
