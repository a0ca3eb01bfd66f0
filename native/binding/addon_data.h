// What the addon keeps for each Node environment (the main thread, each worker).
#pragma once

#include <napi.h>

#include <functional>
#include <map>
#include <memory>

namespace caduceus::binding {

class LogForwarder;

struct AddonData {
  Napi::FunctionReference error_class;   // CaduceusError of src/errors.ts, so that native failures are real ones
  Napi::FunctionReference engine_class;  // the constructor of EngineObject
  // What has a thread, and how to end it at once. process.exit() runs no clean-up hooks but does destroy static
  // objects, which a thread that still computes would use: 1 crash in 25 exits.
  std::map<const void*, std::function<void()>> threads;
  std::shared_ptr<LogForwarder> log;  // made by the first setLog
};

}  // namespace caduceus::binding
