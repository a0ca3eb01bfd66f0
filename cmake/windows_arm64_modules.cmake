# Read by CMake at the beginning of ggml, whose list of modules for Android's processors is the one for Windows' too. What
# else ggml does for Android is harmless there, but for a library (portable_ggml.cmake).
set(CMAKE_SYSTEM_NAME Android)
