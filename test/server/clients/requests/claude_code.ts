// A request of Claude Code in the shape that its gateway protocol documents (code.claude.com/docs, "Gateway protocol
// reference") and that recordings of version 2 show: what it always sends, with texts of our own.
export const claudeCodePath = "/v1/messages?beta=true";

export const claudeCodeHeaders = {
  "content-type": "application/json",
  accept: "application/json",
  "anthropic-version": "2023-06-01",
  "anthropic-beta":
    "claude-code-20250219,interleaved-thinking-2025-05-14,fine-grained-tool-streaming-2025-05-14,context-management-2025-06-27",
  "anthropic-dangerous-direct-browser-access": "true",
  "user-agent": "claude-cli/2.1.278 (external, cli)",
  "x-app": "cli",
  "x-api-key": "none",
  "x-stainless-helper-method": "stream",
  "x-stainless-lang": "js",
};

const ephemeral = { type: "ephemeral" };
const text = (value: string) => ({ type: "text", text: value });

/** @param history the turns between the first question and the last message */
export const claudeCodeBody = (model: string, history: readonly object[] = []) => ({
  model,
  messages: [
    {
      role: "user",
      content: [
        text("<system-reminder>\nThe current directory is /home/me/project.\n</system-reminder>\n"),
        { ...text("List the files."), ...(history.length === 0 ? { cache_control: ephemeral } : {}) },
      ],
    },
    ...history,
  ],
  system: [
    text("x-anthropic-billing-header: cc_version=2.1.278; cc_entrypoint=cli;"),
    { ...text("You are a coding agent."), cache_control: ephemeral },
    { ...text("Use the tools to look at the project."), cache_control: ephemeral },
  ],
  tools: [
    {
      name: "Bash",
      description: "Runs a command",
      input_schema: {
        $schema: "http://json-schema.org/draft-07/schema#",
        type: "object",
        properties: {
          command: { type: "string", description: "The command" },
          timeout: { type: "number", description: "In milliseconds" },
          run_in_background: { type: "boolean" },
        },
        required: ["command"],
        additionalProperties: false,
      },
    },
    {
      name: "TodoWrite",
      description: "Writes the list of things to do",
      input_schema: {
        $schema: "http://json-schema.org/draft-07/schema#",
        type: "object",
        properties: {
          todos: {
            type: "array",
            items: {
              type: "object",
              properties: {
                content: { type: "string", minLength: 1 },
                status: { type: "string", enum: ["pending", "in_progress", "completed"] },
              },
              required: ["content", "status"],
              additionalProperties: false,
            },
          },
        },
        required: ["todos"],
        additionalProperties: false,
      },
      cache_control: ephemeral,
    },
  ],
  metadata: { user_id: "user_0_account__session_0" },
  max_tokens: 32_000,
  thinking: { type: "adaptive" },
  context_management: { edits: [{ type: "clear_thinking_20251015", keep: "all" }] },
  output_config: { effort: "medium" },
  stream: true,
});
