// Conversations on the page: streamed, stopped, edited into versions, several at once, kept.
import { expect, test } from "vitest";
import { load } from "../../src/index.js";
import { serving } from "../server/serving.js";
import { answers, ask, describePage, holding, lastQuestion, open, served, settle } from "./browsing.js";

const story = "Once upon a time. ".repeat(100);

describePage("a conversation", () => {
  test("streams its answer, tells what it cost, and is there after a reload", async () => {
    const { hold, goOn } = holding(100);
    await using host = await served({
      answer: (prompt) => `**${lastQuestion(prompt)}** ${"and ".repeat(40)}so on.`,
      hold,
    });
    await using browser = await open(host.server);
    const { page } = browser;
    await ask(page, "Hello you");
    const answer = answers(page);
    await answer.getByText("and and").waitFor();
    const early = (await answer.innerText()).length;
    await page.getByRole("button", { name: "Stop" }).waitFor();
    goOn();
    await settle(page);
    expect((await answer.innerText()).length).toBeGreaterThan(early);
    expect(await answer.locator("strong").innerText()).toBe("Hello you");
    expect(await answer.innerText()).toMatch(/180 tokens · [\d.]+ a second · first after [\d.]+ s · 0 % of \d+ cached/);
    expect(await page.getByRole("status").innerText()).toContain("so on.");
    await page.reload();
    await answers(page).getByText("so on.").waitFor();
    expect(await page.title()).toBe("Hello you · Caduceus");
    expect(host.engine.requests).toHaveLength(1);
  });

  test("shows thoughts folded, apart from the answer, and sends them back with it", async () => {
    const { hold, goOn } = holding(50);
    await using host = await served({
      metadata: {},
      chatTemplate:
        "{% for m in messages %}<|im_start|>{{ m.role }}\n{{ m.reasoning_content }}|{{ m.content }}<|im_end|>\n{% endfor %}<|im_start|>assistant\n<think>",
      answer: () => `${"Let me see. ".repeat(20)}<b>Aha.</b>\n</think>\n\nYes.`,
      hold,
    });
    await using browser = await open(host.server);
    const { page } = browser;
    await ask(page, "Is it?");
    const thoughts = answers(page).locator("details");
    await thoughts.getByText("Thinking …").waitFor();
    goOn();
    await settle(page);
    await thoughts.getByText("Thoughts").waitFor();
    expect(await thoughts.getAttribute("open")).toBeNull();
    expect(await answers(page).innerText()).toMatch(/^Thoughts\s+Yes\./);
    await thoughts.getByText("Thoughts").click();
    expect(await thoughts.innerText()).toContain("Let me see. <b>Aha.</b>");
    await ask(page, "And?");
    await expect.poll(() => host.engine.requests.length).toBe(2);
    const prompt = host.engine.requests[1]!.prompt.map((part) => Object.values(part)[0] as string).join("");
    expect(prompt).toContain("<b>Aha.</b>|Yes.");
    await settle(page);
  });

  test.each([
    ["its button", "click"],
    ["Escape", "key"],
  ])("is stopped by %s, in the engine too, and what was written stays", async (_, how) => {
    await using host = await served({ answer: () => story, hold: holding(200).hold });
    await using browser = await open(host.server);
    const { page } = browser;
    await ask(page, "Tell me a story");
    await answers(page).getByText("Once upon a time. Once").waitFor();
    if (how === "click") await page.getByRole("button", { name: "Stop" }).click();
    else await page.keyboard.press("Escape");
    await answers(page).getByText("Stopped.").waitFor();
    await expect.poll(() => host.engine.live.size).toBe(0);
    expect(host.engine.generated).toBeLessThan(story.length);
    const kept = await answers(page).innerText();
    await ask(page, "Go on");
    await expect.poll(() => host.engine.requests.length).toBe(2);
    const prompt = host.engine.requests[1]!.prompt.map((part) => Object.values(part)[0] as string).join("");
    expect(prompt).toContain(kept.slice(0, 30));
  });

  test("follows an answer that grows, and lets those who go up read", async () => {
    await using host = await served({
      answer: () => "A line of an answer.\n\n".repeat(70),
      paceMs: 2,
      contextSize: 8192,
    });
    await using browser = await open(host.server);
    const { page } = browser;
    await ask(page, "Long");
    const belowEnd = () =>
      page.evaluate("document.documentElement.scrollHeight - innerHeight - scrollY") as Promise<number>;
    await expect.poll(() => page.evaluate("scrollY")).toBeGreaterThan(300);
    await page.mouse.move(600, 400);
    await page.mouse.wheel(0, -300);
    await expect.poll(belowEnd).toBeGreaterThan(200);
    const held = await page.evaluate("scrollY");
    await settle(page);
    expect(await page.evaluate("scrollY")).toBe(held);
    await ask(page, "More");
    await expect.poll(belowEnd).toBeLessThan(80);
    await page.keyboard.press("Escape");
    await settle(page);
  });

  test("edited and answered again becomes versions, between which one goes back and forth", async () => {
    let count = 0;
    await using host = await served({ answer: (prompt) => `Answer ${++count} to ${lastQuestion(prompt)}.` });
    await using browser = await open(host.server);
    const { page } = browser;
    await ask(page, "one");
    await answers(page).getByText("Answer 1 to one.").waitFor();
    await ask(page, "two");
    await answers(page).getByText("Answer 2 to two.").waitFor();
    await page.getByRole("button", { name: "Edit" }).first().click();
    await page.getByLabel("Edit your message").fill("three");
    await page.keyboard.press("Enter");
    await answers(page).getByText("Answer 3 to three.").waitFor();
    expect(await answers(page).count()).toBe(1);
    await settle(page);
    await page.getByRole("button", { name: "Resend" }).click();
    await answers(page).getByText("Answer 4 to three.").waitFor();
    await settle(page);
    const messages = page.getByRole("group", { name: "Versions of this message" });
    const versions = page.getByRole("group", { name: "Versions of this answer" });
    expect([await messages.innerText(), await versions.innerText()]).toEqual([
      expect.stringContaining("2 / 2"),
      expect.stringContaining("2 / 2"),
    ]);
    await versions.getByRole("button", { name: /Previous/ }).click();
    await answers(page).getByText("Answer 3 to three.").waitFor();
    await messages.getByRole("button", { name: /Previous/ }).click();
    await answers(page).getByText("Answer 2 to two.").waitFor();
    expect(await answers(page).count()).toBe(2);
    // Each version was asked for without the others.
    const asked = host.engine.requests.map(({ prompt }) =>
      prompt.map((part) => Object.values(part)[0] as string).join(""),
    );
    expect(asked.map((prompt) => ["one", "two", "three"].filter((word) => prompt.includes(`user\n${word}`)))).toEqual([
      ["one"],
      ["one", "two"],
      ["three"],
      ["three"],
    ]);
  });

  test("goes on while another one is begun and answered", async () => {
    await using host = await served({
      answer: (prompt) => (lastQuestion(prompt) === "slow" ? story : "Quick."),
      hold: holding(200).hold,
    });
    await using browser = await open(host.server);
    const { page } = browser;
    await ask(page, "slow");
    await answers(page).getByText("Once upon").waitFor();
    await page.getByRole("button", { name: "New conversation" }).first().click();
    await ask(page, "fast");
    await answers(page).getByText("Quick.").waitFor();
    expect(host.engine.live.size).toBe(1);
    await page.getByRole("button", { name: /^slow/ }).click();
    await page.getByRole("button", { name: "Stop" }).click();
    await answers(page).getByText("Stopped.").waitFor();
    await page.getByRole("button", { name: "Delete slow" }).click();
    await answers(page).getByText("Quick.").waitFor();
    await page.reload();
    await answers(page).getByText("Quick.").waitFor();
    expect(await page.getByText("slow").count()).toBe(0);
  });

  test("is sent with the sampling and the system message that were set, and otherwise with the model's own", async () => {
    await using host = await served({ answer: () => "Yes." });
    await using browser = await open(host.server);
    const { page } = browser;
    await ask(page, "First");
    await settle(page);
    await page.getByRole("button", { name: "Settings" }).click();
    await page.getByLabel("System message").fill("Be brief.");
    for (const [label, value] of [
      ["Temperature", "0.3"],
      ["Top k", "7"],
      ["Seed", "42"],
      ["Longest answer", "2"],
    ] as const)
      await page.getByLabel(label).fill(value);
    await ask(page, "Second");
    await page.getByText("Cut off").waitFor();
    const [first, second] = host.engine.requests;
    expect(first!.sampling).toMatchObject({ temperature: 0.8, topK: 40 });
    expect(second).toMatchObject({ sampling: { temperature: 0.3, topK: 7, seed: 42 }, maxTokens: 2 });
    expect(second!.prompt.map((part) => Object.values(part)[0] as string).join("")).toContain("system\nBe brief.");
  });

  test("begins in the message field, without the last one's schema and calls that must be made, and with its other settings", async () => {
    await using host = await served({ answer: () => '{"ok": true}' });
    await using browser = await open(host.server);
    const { page } = browser;
    const focus = () => page.evaluate("document.activeElement.id");
    await expect.poll(focus).toBe("message");
    await page.keyboard.type("By a schema");
    await page.getByRole("button", { name: "Settings" }).click();
    await page.getByLabel("System message").fill("Be brief.");
    await page.getByLabel("JSON by a schema").check();
    await page.getByLabel("JSON Schema").fill('{"type": "object", "properties": {"ok": {"type": "boolean"}}}');
    await page.getByRole("combobox", { name: /^The model/ }).selectOption("required");
    await page.getByLabel("Message", { exact: true }).press("Enter");
    await settle(page);
    await page.getByRole("button", { name: "New conversation" }).first().click();
    await expect.poll(focus).toBe("message");
    expect(await page.getByLabel("JSON by a schema").isChecked()).toBe(false);
    expect(await page.getByRole("combobox", { name: /^The model/ }).inputValue()).toBe("auto");
    await page.keyboard.type("Freely");
    await page.keyboard.press("Enter");
    await settle(page);
    expect(host.engine.requests.map(({ constraint }) => constraint?.kind)).toEqual(["json", undefined]);
    expect(host.engine.requests[1]!.prompt.map((part) => Object.values(part)[0] as string).join("")).toContain(
      "system\nBe brief.",
    );
    await page.reload();
    await expect.poll(focus).toBe("message");
  });

  test("says what failed in the server's words, in the middle of an answer too, and can be asked again", async () => {
    await using host = await served({
      answer: () => "x".repeat(500),
      contextSize: 600,
      failAfter: { tokens: 300, error: new Error("no luck") },
    });
    await using browser = await open(host.server, { mayComplain: /400/ });
    const { page } = browser;
    await ask(page, "Hi");
    await page.getByRole("alert").getByText("The server failed to answer this request.").waitFor();
    await ask(page, "y".repeat(700));
    await page
      .getByRole("alert")
      .getByText(/more than fit/)
      .waitFor();
    await settle(page);
  });

  test("with a small real model: numbers are told, JSON fits its schema, and a tool is called", async () => {
    const model = await load("smollm2", { contextSize: 2048, prefixFolder: false });
    const server = await serving({ smollm2: model });
    try {
      await using browser = await open(server);
      const { page } = browser;
      // On a busy machine it takes its time.
      page.setDefaultTimeout(140_000);
      await page.getByRole("button", { name: /Get JSON by a schema/ }).click();
      await page.keyboard.press("Enter");
      await settle(page);
      const value = JSON.parse(await page.getByRole("region", { name: "Answer in JSON" }).innerText()) as Record<
        string,
        unknown
      >;
      expect(value).toEqual({ name: expect.any(String), age: expect.any(Number), city: expect.any(String) });
      await page.getByRole("button", { name: "Resend" }).click();
      await page.getByText("2 / 2").waitFor();
      await settle(page);
      // The prompt was read before.
      expect(await answers(page).innerText()).toMatch(/(9\d|100) % of \d+ cached/);
      expect(await page.getByLabel("The model at this moment").innerText()).toMatch(/Cache filled\s*[1-9]/);
      await page.getByRole("button", { name: "New conversation" }).first().click();
      await page.getByRole("button", { name: /Let it call a tool/ }).click();
      await page.keyboard.press("Enter");
      const call = page.getByRole("region", { name: "Call of calculate" }).first();
      await call.getByText("Result").first().waitFor();
      expect(JSON.parse(await call.getByRole("region", { name: "Arguments of calculate" }).innerText())).toEqual({
        expression: expect.stringMatching(/^[-+*/%^().0-9a-z ]+$/),
      });
      await page.keyboard.press("Escape");
    } finally {
      await server.close({ graceMs: 0 });
      await model.close();
    }
  }, 300_000);
});
