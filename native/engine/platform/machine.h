// Processors and memory that this process may use, container limits included; and the time on the wall.
#pragma once

#include <cstdint>
#include <ctime>
#include <string>

namespace caduceus {

// Physical cores this process may use; at least 1.
uint32_t usable_cores();

// Bytes that can be allocated now without swapping or hitting a container's limit; 0 when the system does not tell.
uint64_t available_memory();

// "512 MiB", rounded up.
std::string mebibytes(uint64_t bytes);

std::tm local_time();

// Has glibc give large blocks back to the system when they are freed. Once a program has freed a block of 30 MB, glibc
// takes later ones of that size from heaps of the calling thread, and keeps them there: fourteen loads and closes of
// the default model, each on a thread of its own, held 317 MB, and 158 MB with this. Process-wide.
void return_large_blocks();

}  // namespace caduceus
