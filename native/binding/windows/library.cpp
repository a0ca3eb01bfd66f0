// What this library does on Windows before Node calls it for the first time.
#define NOMINMAX
#include <windows.h>

#include <initializer_list>

// The functions of Node-API are looked up in the program that has loaded us. Imported by name they would be those of
// node.exe alone, and Electron's and Bun's programs are called otherwise. Microsoft's linker has a hook for that, which
// cmake-js brings; here they are variables as the system's loader would fill them.
#if !defined(_MSC_VER)
extern "C" {
#define NODE_API_FUNCTION(name) FARPROC __imp_##name;
#include "node_api_functions.h"
#undef NODE_API_FUNCTION
}

namespace {

HMODULE library_with_node_api() {
  for (const wchar_t* name : {static_cast<const wchar_t*>(nullptr), L"node.dll", L"libnode.dll", L"nw.dll"}) {
    const HMODULE library = GetModuleHandleW(name);
    if (library && GetProcAddress(library, "napi_create_object")) return library;
  }
  return nullptr;
}

struct Imports {
  Imports() {
    const HMODULE library = library_with_node_api();
    if (!library) return;
#define NODE_API_FUNCTION(name) __imp_##name = GetProcAddress(library, #name);
#include "node_api_functions.h"
#undef NODE_API_FUNCTION
  }
};

const Imports imports;

}  // namespace
#endif

namespace {

// The engine's thread may still be leaving when a worker that loaded us unloads its libraries.
struct StaysLoaded {
  StaysLoaded() {
    HMODULE library = nullptr;
    GetModuleHandleExW(GET_MODULE_HANDLE_EX_FLAG_FROM_ADDRESS | GET_MODULE_HANDLE_EX_FLAG_PIN,
                       reinterpret_cast<LPCWSTR>(this), &library);
  }
};

const StaysLoaded stays_loaded;

}  // namespace
