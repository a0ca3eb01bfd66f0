// The requests that Claude Code and Codex send by themselves, and what they read of the answers.
import { expect, test } from "vitest";
import { call, saying } from "./answering.js";
import { claudeCodeBody, claudeCodeHeaders, claudeCodePath } from "./requests/claude_code.js";
import { codexBody, codexHeaders } from "./requests/codex.js";

async function eventsOf(url: string, headers: Record<string, string>, body: object): Promise<any[]> {
  const response = await fetch(url, { method: "POST", headers, body: JSON.stringify(body) });
  const text = await response.text();
  expect({ status: response.status, text: response.ok ? "" : text }).toEqual({ status: 200, text: "" });
  return text
    .split("\n\n")
    .filter((event) => event !== "")
    .map((event) => {
      const [, name, data] = /^event: (\S+)\ndata: (.*)$/.exec(event)!;
      const chunk = JSON.parse(data!);
      expect(chunk.type).toBe(name);
      return chunk;
    });
}

test("Claude Code gets its tool's call in a stream, sends the result back and gets the answer, and counts tokens", async () => {
  const { url } = await saying([`I will look.\n${call("Bash", { command: "ls" })}`, "There is one file."]);
  const ask = (history: readonly object[]) =>
    eventsOf(url + claudeCodePath, claudeCodeHeaders, claudeCodeBody("hermes", history));
  const events = await ask([]);
  const started = events.filter(({ type }) => type === "content_block_start").map((event) => event.content_block);
  expect(started).toMatchObject([{ type: "text" }, { type: "tool_use", name: "Bash", input: {} }]);
  const json = events.map(({ delta }) => delta?.partial_json ?? "").join("");
  expect(JSON.parse(json)).toEqual({ command: "ls" });
  expect(events.at(-2)).toMatchObject({ type: "message_delta", delta: { stop_reason: "tool_use" } });
  const history = [
    {
      role: "assistant",
      content: [
        { type: "text", text: "I will look." },
        { type: "tool_use", id: started[1].id, name: "Bash", input: { command: "ls" } },
      ],
    },
    {
      role: "user",
      content: [
        { tool_use_id: started[1].id, type: "tool_result", content: "README.md", is_error: false },
        { type: "text", text: "<system-reminder>\nThe list is empty.\n</system-reminder>" },
      ],
    },
  ];
  const answer = await ask(history);
  expect(answer.map(({ delta }) => delta?.text ?? "").join("")).toBe("There is one file.");
  const { stream: _, max_tokens: __, ...counted } = claudeCodeBody("hermes", history);
  const response = await fetch(`${url}/v1/messages/count_tokens?beta=true`, {
    method: "POST",
    headers: claudeCodeHeaders,
    body: JSON.stringify(counted),
  });
  const { usage } = answer.at(-2);
  expect(await response.json()).toEqual({ input_tokens: usage.input_tokens + usage.cache_read_input_tokens });
});

test("Codex gets its tools' calls in a stream, sends the items back with their results, and gets the answer", async () => {
  const { url } = await saying([
    call("shell_command", { command: "ls" }),
    call("apply_patch", { input: "*** Begin Patch\n*** End Patch" }),
    call("mcp__files__read", { path: "README.md" }),
    "There is one file.",
  ]);
  const history: object[] = [];
  const ask = async () => {
    const events = await eventsOf(`${url}/v1/responses`, codexHeaders, codexBody("hermes", history));
    expect(events[0].type).toBe("response.created");
    expect(events.at(-1)).toMatchObject({
      type: "response.completed",
      response: {
        id: expect.any(String),
        usage: { input_tokens: expect.any(Number), output_tokens: expect.any(Number) },
      },
    });
    const items = events.filter(({ type }) => type === "response.output_item.done").map(({ item }) => item);
    history.push(...items);
    return items;
  };
  const [shell] = await ask();
  expect(shell).toMatchObject({ type: "function_call", name: "shell_command", arguments: '{"command":"ls"}' });
  history.push({ type: "function_call_output", call_id: shell.call_id, output: "README.md" });
  const [patch] = await ask();
  expect(patch).toMatchObject({
    type: "custom_tool_call",
    name: "apply_patch",
    input: "*** Begin Patch\n*** End Patch",
  });
  history.push({ type: "custom_tool_call_output", call_id: patch.call_id, output: "Done." });
  const [read] = await ask();
  expect(read).toMatchObject({ type: "function_call", namespace: "mcp__files", name: "read" });
  history.push({
    type: "function_call_output",
    call_id: read.call_id,
    output: [{ type: "input_text", text: "# Project" }],
  });
  expect(await ask()).toMatchObject([
    { type: "message", content: [{ type: "output_text", text: "There is one file." }] },
  ]);
});
