// Fear: an example for Next.js that no longer builds, or whose page does not stop the model. `npm run test:heavy --
// nextjs` installs it with the packed package, builds it, and has a real browser use it.
import { spawn, type ChildProcess } from "node:child_process";
import { once } from "node:events";
import { cp, mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import path from "node:path";
import { fileURLToPath } from "node:url";
import { afterAll, beforeAll, expect, test } from "vitest";
import { describePage, open } from "../page/browsing.js";
import { example, run } from "../process/run_program.js";
import { smollm2Model } from "../support/models.js";

const tarball = process.env["CADUCEUS_PACKAGE"]!;
const root = fileURLToPath(new URL("../..", import.meta.url));
const preload = new URL("nextjs/small_model.mjs", import.meta.url).href;

let folder: string;
let server: ChildProcess;
let url: string;
let errors = "";
const ends = () => [...errors.matchAll(/^reply ended: (.+)$/gm)].map(([, how]) => how);

async function inFolder(command: string, ...args: string[]): Promise<void> {
  const outcome = await run(command, args, { cwd: folder, env, timeoutMs: 900_000 });
  expect(outcome.code, `${command} ${args.join(" ")}\n${outcome.stdout}\n${outcome.stderr}`).toBe(0);
}
const env = {
  NEXT_TELEMETRY_DISABLED: "1",
  NODE_ENV: undefined,
  // The packed package may have no prebuilt addon.
  CADUCEUS_PREBUILD: process.env["CADUCEUS_PREBUILD"] ?? root,
};

beforeAll(async () => {
  folder = await mkdtemp(path.join(tmpdir(), "caduceus-nextjs-"));
  await cp(example("nextjs-chat"), folder, { recursive: true, filter: (file) => !/node_modules|\.next/.test(file) });
  // The example names the published package, which is here the packed one.
  await cp(tarball, path.join(folder, "caduceus.tgz"));
  for (const name of ["package.json", "package-lock.json"]) {
    const settings = JSON.parse(await readFile(path.join(folder, name), "utf8"));
    const own = settings.packages?.[""] ?? settings;
    own.dependencies.caduceus = "file:caduceus.tgz";
    if (settings.packages !== undefined) settings.packages["node_modules/caduceus"].resolved = "file:caduceus.tgz";
    await writeFile(path.join(folder, name), JSON.stringify(settings));
  }
  await inFolder("npm", "ci", "--ignore-scripts", "--no-audit", "--no-fund");
  await inFolder("npm", "run", "build");
  const next = path.join(folder, "node_modules/next/dist/bin/next");
  server = spawn(process.execPath, [next, "start", "--port", "0", "--hostname", "127.0.0.1"], {
    cwd: folder,
    env: { ...process.env, ...env, MODEL: await smollm2Model(), NODE_OPTIONS: `--import=${preload}` },
    stdio: ["ignore", "pipe", "pipe"],
  });
  server.stderr!.setEncoding("utf8").on("data", (text: string) => (errors += text));
  let output = "";
  for await (const text of server.stdout!.setEncoding("utf8")) {
    output += text;
    url = /http:\/\/127\.0\.0\.1:\d+/.exec(output)?.[0] ?? "";
    if (url !== "" && /Ready/.test(output)) break;
  }
  expect(url, output + errors).not.toBe("");
}, 1_800_000);
afterAll(async () => {
  if (server?.exitCode === null) {
    server.kill();
    await once(server, "exit");
  }
  await rm(folder, { recursive: true, force: true });
}, 60_000);

test("what is not a chat is refused before the model is asked", async () => {
  const post = (body: string) => fetch(`${url}/api/chat`, { method: "POST", body });
  for (const [body, status] of [
    ["{", 400],
    ['{"messages": [{"role": "user"}]}', 400],
    ["x".repeat(600_000), 413],
  ] as const)
    expect([body.slice(0, 40), (await post(body)).status]).toEqual([body.slice(0, 40), status]);
  expect(ends()).toEqual([]);
});

describePage("the page", () => {
  test("streams an answer, shows a call with its result, and stops the model", async () => {
    await using opened = await open({ url });
    const { page } = opened;
    page.setDefaultTimeout(120_000);
    const ask = async (text: string) => {
      await page.getByLabel("Message").fill(text);
      await page.getByRole("button", { name: "Send" }).click();
    };
    const answers = page.getByLabel("Answer");

    await ask("How is the weather in Paris?");
    await page
      .getByText(/^The weather in (Oslo|Paris|Rome): \d+ °C$/)
      .first()
      .waitFor();
    await page.getByRole("button", { name: "Send" }).waitFor();
    expect((await answers.first().locator("p:not(.call)").allTextContents()).join("")).not.toBe("");

    await ask("Tell me a very long story about a lighthouse.");
    const story = answers.nth(1);
    await expect.poll(() => story.textContent({ timeout: 60_000 }), { timeout: 60_000 }).toMatch(/\S+ \S+ \S+/);
    const early = (await story.textContent())!;
    await page.getByRole("button", { name: "Stop" }).click();
    await page.getByRole("button", { name: "Send" }).waitFor();
    expect((await story.textContent())!.startsWith(early)).toBe(true);
    await expect
      .poll(ends, { timeout: 30_000 })
      .toEqual(["tool-calls", expect.stringMatching(/stop|length/), "ResponseAborted"]);
    expect(await page.getByRole("alert").filter({ hasText: /./ }).count()).toBe(0);
  });
});
