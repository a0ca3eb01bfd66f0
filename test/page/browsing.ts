// A real browser on the page of a real server, whose model says what a test wants.
import { existsSync } from "node:fs";
import { chromium, type Browser, type BrowserContextOptions, type Page } from "playwright-core";
import { afterAll, beforeAll, describe, expect } from "vitest";
import { scriptedModel } from "../support/engines/scripted_model.js";
import { hermesMarkers, type Script } from "../support/engines/scripted_engine.js";
import { serving, type ServingOptions } from "../server/serving.js";

const places = [
  process.env["CHROMIUM_PATH"],
  "/usr/bin/chromium",
  "/usr/bin/chromium-browser",
  "/usr/bin/google-chrome",
  "/usr/bin/google-chrome-stable",
  "/snap/bin/chromium",
  "/Applications/Google Chrome.app/Contents/MacOS/Google Chrome",
  "/Applications/Chromium.app/Contents/MacOS/Chromium",
];
const executablePath = places.find((place) => place !== undefined && existsSync(place));

let browser: Browser;

/** Like `describe`; without a browser its tests are skipped. */
export function describePage(title: string, tests: () => void): void {
  if (executablePath === undefined)
    console.warn(
      `Skipped, ${title}: no browser was found. apt-get install chromium brings one; CHROMIUM_PATH names another.`,
    );
  describe.skipIf(executablePath === undefined)(title, () => {
    beforeAll(async () => {
      browser = await chromium.launch({
        executablePath: executablePath!,
        args: ["--no-sandbox", "--disable-dev-shm-usage"],
      });
    });
    afterAll(() => browser.close());
    tests();
  });
}

/** The last thing that a person said in a prompt. */
export const lastQuestion = (prompt: string) => /.*<\|im_start\|>user\n(.*?)<\|im_end\|>/s.exec(prompt)?.[1] ?? "";
export const callOf = (name: string, args: string) =>
  `<tool_call>\n{"name": ${JSON.stringify(name)}, "arguments": ${args}}\n</tool_call>`;

/** Has every long enough answer stop before that token, until it is told to go on. */
export function holding(before: number) {
  let goOn = () => {};
  const until = new Promise<void>((resolve) => (goOn = resolve));
  return { hold: { before, until }, goOn };
}

/** A server whose model answers prompts as the script says. */
export async function served(script: Script, options: ServingOptions = {}) {
  const { model, engine } = await scriptedModel({
    markers: hermesMarkers,
    constrained: true,
    ...script,
  });
  const server = await serving({ hermes: model }, options);
  return { server, model, engine, [Symbol.asyncDispose]: () => server[Symbol.asyncDispose]() };
}

/**
 * A browser of its own, in which nothing is stored. Closing it fails where the page complained, or asked anybody but
 * its server.
 */
export async function open(
  server: { readonly url: string },
  options: BrowserContextOptions & { readonly stored?: Record<string, string>; readonly mayComplain?: RegExp } = {},
) {
  const { stored = {}, mayComplain, ...contextOptions } = options;
  const context = await browser.newContext({ viewport: { width: 1280, height: 800 }, ...contextOptions });
  context.setDefaultTimeout(60_000);
  await context.addInitScript((items) => {
    for (const [key, value] of Object.entries(items))
      if ((globalThis as any).localStorage.getItem("seeded") === null)
        (globalThis as any).localStorage.setItem(key, value);
    (globalThis as any).localStorage.setItem("seeded", "yes");
  }, stored);
  const page = await context.newPage();
  const complaints: string[] = [];
  page.on("console", (message) => ["error", "warning"].includes(message.type()) && complaints.push(message.text()));
  page.on("pageerror", (error) => complaints.push(String(error)));
  page.on("request", (request) => request.url().startsWith(server.url) || complaints.push(`asked ${request.url()}`));
  page.on("dialog", (dialog) => void complaints.push(`a dialog said ${dialog.message()}`));
  await page.goto(`${server.url}/`);
  return {
    page,
    async [Symbol.asyncDispose]() {
      await context.close();
      expect(complaints.filter((complaint) => mayComplain?.test(complaint) !== true)).toEqual([]);
    },
  };
}

export const ask = async (page: Page, text: string) => {
  await page.getByLabel("Message", { exact: true }).fill(text);
  await page.keyboard.press("Enter");
};
export const answers = (page: Page) => page.getByRole("article", { name: "Answer" });
export const settle = (page: Page) => page.getByRole("button", { name: "Send", exact: true }).waitFor();
