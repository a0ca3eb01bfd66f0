// A request of Codex in the shape of its source (github.com/openai/codex: codex-rs/codex-api/src/common.rs and
// codex-rs/tools/src/tool_spec.rs): what it always sends, with texts of our own.
export const codexHeaders = {
  "content-type": "application/json",
  accept: "text/event-stream",
  authorization: "Bearer none",
  conversation_id: "0",
  session_id: "0",
  originator: "codex_cli_rs",
  "user-agent": "codex_cli_rs/0.60.1",
};

const message = (role: string, text: string) => ({ type: "message", role, content: [{ type: "input_text", text }] });

/** @param history what came after the first question */
export const codexBody = (model: string, history: readonly object[] = []) => ({
  model,
  instructions: "You are a coding agent.",
  input: [
    message("developer", "<permissions>\nCommands run in a sandbox.\n</permissions>"),
    message("user", "<environment_context>\n  <cwd>/home/me/project</cwd>\n</environment_context>"),
    message("user", "List the files."),
    ...history,
  ],
  tools: [
    {
      type: "function",
      name: "shell_command",
      description: "Runs a command",
      strict: false,
      parameters: {
        type: "object",
        properties: {
          command: { type: "string", description: "The command" },
          workdir: { type: "string" },
          timeout_ms: { type: "number" },
        },
        required: ["command"],
        additionalProperties: false,
      },
    },
    {
      type: "function",
      name: "update_plan",
      description: "Updates the plan",
      strict: false,
      parameters: {
        type: "object",
        properties: {
          explanation: { type: "string" },
          plan: {
            type: "array",
            items: {
              type: "object",
              properties: { status: { type: "string" }, step: { type: "string" } },
              required: ["step", "status"],
              additionalProperties: false,
            },
          },
        },
        required: ["plan"],
        additionalProperties: false,
      },
    },
    { type: "custom", name: "apply_patch", description: "Applies a patch", format: { type: "text" } },
    {
      type: "namespace",
      name: "mcp__files",
      description: "Files",
      tools: [
        {
          type: "function",
          name: "read",
          description: "Reads a file",
          strict: false,
          parameters: { type: "object", properties: { path: { type: "string" } }, required: ["path"] },
        },
      ],
    },
    { type: "web_search", external_web_access: false },
  ],
  tool_choice: "auto",
  parallel_tool_calls: false,
  reasoning: { effort: "medium", summary: "auto" },
  store: false,
  stream: true,
  include: ["reasoning.encrypted_content"],
  prompt_cache_key: "0",
  client_metadata: { "x-codex-installation-id": "0" },
});
