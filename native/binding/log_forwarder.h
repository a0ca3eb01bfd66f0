// llama.cpp's log to JavaScript. One sink for the whole process: the environment that set it last.
#pragma once

#include <napi.h>

namespace caduceus::binding {

// setLog(level, sink): level 0 (silent) to 4 (debug), sink(level, line) or undefined.
void set_log_forwarding(const Napi::CallbackInfo& info);

}  // namespace caduceus::binding
