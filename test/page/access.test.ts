// The page for those who use no mouse, hear it, read it on a phone, or in the dark.
import { axeViolations } from "./axe.js";
import { expect, test } from "vitest";
import { answers, ask, callOf, describePage, open, served, settle } from "./browsing.js";

const long = `A line, then code:\n\n\`\`\`\n${"wide ".repeat(60)}\n\`\`\`\n\n| a | b |\n|---|---|\n| ${"cell ".repeat(30)} | ${"x".repeat(200)} |\n\n${"word".repeat(100)}`;
const answer = (prompt: string) =>
  prompt.includes("user\nCall") && !prompt.includes("<tool_response>")
    ? callOf("get_weather", `{"city": "${"Llanfair".repeat(20)}"}`)
    : long;
const ownTool = '{"name": "get_weather", "parameters": {"type": "object", "properties": {"city": {"type": "string"}}}}';

describePage("the page", () => {
  test.each([1280, 360])(
    "is clean by axe in light and dark, and no wider than its window of %d pixels",
    async (width) => {
      await using host = await served({ answer, contextSize: 8192 });
      await using browser = await open(host.server, { viewport: { width, height: 740 } });
      const { page } = browser;
      const isNarrow = width < 600;
      const check = async (what: string) => {
        await page.emulateMedia({ colorScheme: "light" });
        const found = await axeViolations(page);
        // Only the colors differ.
        await page.emulateMedia({ colorScheme: "dark" });
        found.push(...(await axeViolations(page, ["color-contrast"])));
        expect({ what, found, width: await page.evaluate("document.documentElement.scrollWidth") }).toEqual({
          what,
          found: [],
          width,
        });
      };
      await page.getByText("runs on the machine").waitFor();
      await check("empty");
      await page.getByLabel("Message", { exact: true }).fill("Say something");
      await page.getByRole("banner").getByRole("button", { name: "Prompt" }).click();
      await page.getByRole("button", { name: "Tokens" }).click();
      await page.getByRole("list", { name: "Tokens of the prompt" }).waitFor();
      await check("prompt");
      await page.keyboard.press("Escape");
      await page.getByRole("button", { name: "Settings" }).click();
      await page.getByLabel("Your own tools, in JSON").fill(ownTool);
      await page.getByLabel("JSON by a schema").check();
      await page.getByLabel("JSON Schema").fill("{");
      await check("settings");
      await page.getByLabel("JSON by a schema").uncheck();
      await page.getByRole("button", { name: isNarrow ? "Close" : "Settings" }).click();
      await ask(page, "Say something long");
      await settle(page);
      await page.getByRole("button", { name: "Resend" }).click();
      await page.getByText("2 / 2").waitFor();
      await settle(page);
      await ask(page, "Call something");
      await page.getByLabel("Result of get_weather").waitFor();
      await check("answer and call");
      await page.getByRole("button", { name: "Stop" }).click();
      await settle(page);
      await page.getByRole("button", { name: "Edit" }).first().click();
      await check("edit");
      if (!isNarrow) return;
      await page.getByRole("button", { name: "Conversations" }).click();
      await check("conversations");
    },
  );

  test("is used by keyboard alone, and the focus is never lost", async () => {
    await using host = await served({ answer: () => "Yes.", contextSize: 8192 });
    await using browser = await open(host.server, { viewport: { width: 800, height: 740 } });
    const { page } = browser;
    const focus = () =>
      page.evaluate(
        `(document.activeElement?.labels?.[0]?.innerText || document.activeElement?.ariaLabel || document.activeElement?.innerText || document.activeElement?.tagName).trim()`,
      );
    const tabTo = async (name: string) => {
      for (let count = 0; count < 40 && (await focus()) !== name; count++) await page.keyboard.press("Tab");
      await expect.poll(focus).toBe(name);
    };
    await page.getByText("runs on the machine").waitFor();
    // Whoever comes wants to write; the skip link is for those who have gone elsewhere.
    await expect.poll(focus).toBe("Message");
    for (let count = 0; count < 20 && (await focus()) !== "Skip to the message box"; count++)
      await page.keyboard.press("Shift+Tab");
    await page.keyboard.press("Enter");
    await page.keyboard.press("Tab");
    await page.keyboard.press("Shift+Tab");
    await page.keyboard.type("One");
    await page.keyboard.press("Shift+Enter");
    await page.keyboard.type("line");
    await page.keyboard.press("Enter");
    await settle(page);
    expect(await page.getByRole("article", { name: "You" }).locator(".bubble").innerText()).toBe("One\nline");
    await expect.poll(focus).toBe("Message");
    await page.keyboard.press("ArrowUp");
    await expect.poll(() => page.evaluate("document.activeElement.ariaLabel")).toBe("Edit your message");
    await page.keyboard.press("Escape");
    await expect.poll(focus).toBe("Edit");
    await page.keyboard.press("Enter");
    await page.keyboard.type(" more");
    await page.keyboard.press("Enter");
    await settle(page);
    await expect.poll(focus).toBe("Message");
    await page.keyboard.press("Shift+Tab");
    await page.evaluate("document.querySelector('.top button').focus()");
    await tabTo("Settings");
    await page.keyboard.press("Enter");
    await tabTo("System message");
    await page.keyboard.press("Escape");
    await expect.poll(focus).toBe("Settings");
    expect(host.engine.requests).toHaveLength(2);
  });

  test("a window that gets narrow keeps the conversation free, and one that gets wide has its panels again", async () => {
    await using host = await served({});
    await using browser = await open(host.server);
    const { page } = browser;
    const panels = async () => ({
      beside: await page.locator(".beside").count(),
      over: await page.getByRole("dialog").count(),
    });
    await page.getByText("runs on the machine").waitFor();
    await page.getByRole("button", { name: "Settings" }).click();
    await expect.poll(panels).toEqual({ beside: 2, over: 0 });
    await page.setViewportSize({ width: 600, height: 800 });
    await expect.poll(panels).toEqual({ beside: 0, over: 0 });
    await page.getByLabel("Message", { exact: true }).fill("It can be typed into.");
    await page.setViewportSize({ width: 1280, height: 800 });
    await expect.poll(panels).toEqual({ beside: 2, over: 0 });
    await page.getByRole("button", { name: "Conversations" }).click();
    await page.setViewportSize({ width: 600, height: 800 });
    await page.getByRole("button", { name: "Conversations" }).click();
    await expect.poll(panels).toEqual({ beside: 0, over: 1 });
    await page.setViewportSize({ width: 1280, height: 800 });
    await expect.poll(panels).toEqual({ beside: 2, over: 0 });
  });

  test("tells screen readers that an answer is written and, once, what it is", async () => {
    await using host = await served({ answer: () => "A short answer in several words.", paceMs: 5 });
    await using browser = await open(host.server);
    const { page } = browser;
    await page.evaluate(
      `globalThis.told = []; new MutationObserver(() => told.push(document.querySelector('[role=status]').textContent)).observe(document.querySelector('[role=status]'), { childList: true, characterData: true, subtree: true })`,
    );
    await ask(page, "Speak");
    await settle(page);
    expect(await page.evaluate("told.filter((text) => text !== '')")).toEqual([
      "Writing an answer.",
      "Answer: A short answer in several words.",
    ]);
  });

  test("has a switch from light to dark that outlives a reload, and moves nothing for those who want it still", async () => {
    await using host = await served({ answer: () => "x".repeat(400), paceMs: 5 });
    await using browser = await open(host.server, { colorScheme: "light", reducedMotion: "reduce" });
    const { page } = browser;
    const background = () => page.evaluate("getComputedStyle(document.documentElement).backgroundColor");
    const light = await background();
    await page.getByLabel("Appearance").selectOption("dark");
    const dark = await background();
    expect(dark).not.toBe(light);
    await page.reload();
    await page.getByText("runs on the machine").waitFor();
    expect(await background()).toBe(dark);
    await ask(page, "Hi");
    await answers(page).waitFor();
    expect(await page.evaluate("document.getAnimations().length")).toBe(0);
    await page.keyboard.press("Escape");
    await settle(page);
  });
});
