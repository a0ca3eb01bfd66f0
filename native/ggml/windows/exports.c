// A library that marks nothing for export exports all that is visible. Compilers mark for the linker what is hidden, and
// the parts of the C library and the unwinder that are linked into each library are not: the next library would take
// `atexit` from this one.
__asm__(
    ".section .drectve,\"yni\"\n"
    ".ascii \" -exclude-symbols:atexit,_CRT_INIT,__mingw_module_is_dll,unw_getcontext,__unw_getcontext\"\n"
    ".ascii \" -exclude-symbols:__libunwind_Registers_arm64_za_disable\"\n"
    ".text\n");
