// Processors and memory that this process may use, container limits included.
#pragma once

#include <cstdint>

namespace caduceus {

// Physical cores this process may use; at least 1.
uint32_t usable_cores();

// Bytes that can be allocated now without swapping or hitting a container's limit; 0 when the system does not tell.
uint64_t available_memory();

}  // namespace caduceus
