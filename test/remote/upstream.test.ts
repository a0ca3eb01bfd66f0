// `--upstream` as its users run it: programs of their own against a Caduceus of its own, with a key.
import { spawn, type ChildProcess } from "node:child_process";
import { once } from "node:events";
import { afterAll, beforeAll, expect, test } from "vitest";
import { hermesModel } from "../support/models.js";
import { cli, runNode } from "../process/run_program.js";

const key = "sk-a-secret-of-ours";
const children: ChildProcess[] = [];
let upstream: string;
let gateway: string;
beforeAll(async () => {
  const file = await hermesModel();
  upstream = await serve(["-m", `tiny=${file}`, "-c", "1024", "--api-key", key], {});
  gateway = await serve(["--upstream", upstream], { CADUCEUS_UPSTREAM_API_KEY: key });
});
afterAll(async () => {
  for (const child of children.reverse()) {
    child.kill("SIGKILL");
    if (child.exitCode === null && child.signalCode === null) await once(child, "exit");
  }
});

/** Runs until it is ready, and tells where. */
async function serve(args: readonly string[], env: Record<string, string>): Promise<string> {
  const child = spawn(process.execPath, [cli, "serve", "--port", "0", ...args], {
    env: { ...process.env, ...env },
    stdio: ["ignore", "ignore", "pipe"],
  });
  children.push(child);
  let said = "";
  await new Promise<void>((resolve, reject) => {
    child.stderr.setEncoding("utf8").on("data", (text: string) => {
      said += text;
      if (said.includes("Ready.\n")) resolve();
    });
    child.once("exit", () => reject(new Error(said)));
  });
  expect(said).not.toContain(key);
  return /http:\/\/\S+(?=, models)/.exec(said)![0];
}

const env = { CADUCEUS_UPSTREAM_API_KEY: key };
const tool = {
  type: "function",
  function: {
    name: "weather",
    parameters: {
      type: "object",
      properties: { city: { enum: ["Rome", "Oslo"] } },
      required: ["city"],
      additionalProperties: false,
    },
  },
};

async function ask(url: string, body: object, headers: Record<string, string> = {}) {
  const response = await fetch(`${url}/v1/chat/completions`, {
    method: "POST",
    headers: { "content-type": "application/json", ...headers },
    body: JSON.stringify({
      model: "tiny",
      messages: [{ role: "user", content: "Weather in Rome?" }],
      temperature: 0,
      max_tokens: 60,
      ...body,
    }),
  });
  return { status: response.status, body: (await response.json()) as Record<string, never> };
}

test("serve: a gateway answers as the server behind it does, with the calls that are required", async () => {
  const body = { tools: [tool], tool_choice: "required" };
  const [there, here] = [await ask(upstream, body, { authorization: `Bearer ${key}` }), await ask(gateway, body)];
  const message = ({ body: { choices } }: typeof here) => {
    const [{ message }] = choices as unknown as [{ message: { tool_calls: { function: object }[] } }];
    return message.tool_calls.map((call) => call.function);
  };
  expect(here.status).toBe(200);
  expect(message(here).length).toBe(1);
  expect(message(here)).toEqual(message(there));
});

test("serve: what the server behind it refuses is the client's error, without that server's address", async () => {
  const { status, body } = await ask(gateway, { messages: [{ role: "user", content: "word ".repeat(3_000) }] });
  expect([status, (body["error"] as unknown as { code: string }).code]).toEqual([400, "context_length_exceeded"]);
  expect(JSON.stringify(body)).not.toContain(upstream);
});

test("run and chat write what the server generates, and have its key from the environment alone", async () => {
  const flags = ["--upstream", upstream, "-n", "8", "--temp", "0"];
  const run = await runNode(cli, ["run", ...flags, "Hi"], { env });
  expect(run).toMatchObject({ code: 0 });
  const local = await runNode(cli, ["run", "-m", await hermesModel(), "-c", "1024", ...flags.slice(2), "Hi"]);
  expect(run.stdout.length).toBeGreaterThan(1);
  expect(run.stdout).toBe(local.stdout);
  const chat = await runNode(cli, ["chat", ...flags], { env, input: "Hi\n" });
  expect(chat).toMatchObject({ code: 0 });
  expect(chat.stdout.trim()).not.toBe("");
  for (const { stdout, stderr } of [run, chat]) expect(stdout + stderr).not.toContain(key);
});

test("a key that is wrong, and a server that is not there, are said in one line", async () => {
  const wrong = await runNode(cli, ["run", "--upstream", upstream, "Hi"], {
    env: { CADUCEUS_UPSTREAM_API_KEY: "sk-another" },
  });
  expect(wrong).toMatchObject({ code: 1, stdout: "" });
  expect(wrong.stderr).toMatch(/refused the request \(status 401\)/);
  expect(wrong.stderr).not.toContain("sk-another");
  const nobody = await runNode(cli, ["run", "--upstream", "http://127.0.0.1:1", "Hi"]);
  expect(nobody).toMatchObject({ code: 1, stdout: "", stderr: expect.stringMatching(/cannot be reached/) as string });
});
