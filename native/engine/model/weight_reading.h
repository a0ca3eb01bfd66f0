// How weights get from a model's file to where they are used.
#pragma once

#if defined(__linux__)
#include "kernels/plugin.h"
#endif

namespace caduceus {

// While it lives, llama.cpp's loader on this thread reads weights for our kernels by their packing, with all processors
// and without a copy in between (on Linux; elsewhere one thread reads and all pack). A 7B of 4.4 GB
// in the page cache takes 1.3 s (Intel Xeon, 2 threads, memory that was in use before).
class WeightReading {
 public:
  WeightReading();
  ~WeightReading();
  WeightReading(const WeightReading&) = delete;
  WeightReading& operator=(const WeightReading&) = delete;
};

#if defined(__linux__)
CaduceusFile file_of(int descriptor);
#endif

}  // namespace caduceus
