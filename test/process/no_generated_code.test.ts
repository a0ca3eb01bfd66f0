// A program that forbids code made from text uses schemas all the same.
import { spawnSync } from "node:child_process";
import path from "node:path";
import { pathToFileURL } from "node:url";
import { expect, test } from "vitest";

const dist = (file: string) =>
  JSON.stringify(pathToFileURL(path.resolve(import.meta.dirname, "../../dist", file)).href);

test("tools are made and calls are judged with --disallow-code-generation-from-strings", () => {
  const program = `
    import { tool } from ${dist("index.js")};
    import { parseReply } from ${dist("format/hermes/index.js")};
    const parameters = { type: "object", properties: { n: { type: "integer" }, at: { type: "string", format: "date", pattern: "^(?=2)" } }, required: ["n"] };
    const made = tool({ name: "a", parameters, execute: () => 1 });
    const { calls } = parseReply('<tool_call>{"name": "a", "arguments": {"n": "x"}}</tool_call>', { tools: [{ name: "a", parameters }] });
    console.log(made.name, calls[0].problem, (() => { try { new Function("return 1"); } catch (error) { return error.name; } })());
  `;
  const { stdout, stderr } = spawnSync(
    process.execPath,
    ["--disallow-code-generation-from-strings", "--input-type=module", "-e", program],
    { encoding: "utf8" },
  );
  expect(stderr).toBe("");
  expect(stdout).toBe("a invalid-arguments EvalError\n");
});
