// Renders the chat template of a model. Templates come with files and are not trusted: rendering is bounded in time,
// size and depth, and reaches nothing but the variables it is given.
#pragma once

#include <string>
#include <vector>

#include "scheduler/request.h"
#include "template/meter.h"

namespace caduceus {

struct RenderedTemplate {
  // What the template wrote is control, what came from the caller is text.
  std::vector<PromptPart> parts;
  // Why there are none; empty where there are.
  std::string failure;
  // It came to one of its limits, so trying again in another way would take as long.
  bool is_limit = false;
};

// `variables` is the JSON of an object: `messages`, `tools` and so on. Starts a thread with a large stack, and waits
// for it. Any thread, but not the event loop's. Throws ENGINE_FAILED when the system refuses a thread.
RenderedTemplate render_template(const std::string& source, const std::string& variables,
                                 const templates::Limits& limits = {});

}  // namespace caduceus
