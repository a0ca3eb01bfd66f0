// What the page must withstand: models that write markup, damaged storage, servers with keys; and what it must not ask
// for.
import type { Page } from "playwright-core";
import { expect, test } from "vitest";
import { answers, ask, callOf, describePage, open, served, settle } from "./browsing.js";

const hostile = `<img src=x onerror="alert(1)"><script>alert(2)</script>\n\n[a](javascript:alert(3)) ![b](https://example.com/b.png) **<b onclick=alert(4)>x</b>**\n\n\`\`\`<svg onload=alert(5)>\n</code><iframe src="https://example.com">\n\`\`\``;

/** The processor's time that the page's main thread has taken. */
async function busySeconds(page: Page): Promise<number> {
  const session = await page.context().newCDPSession(page);
  await session.send("Performance.enable", { timeDomain: "threadTicks" });
  const { metrics } = await session.send("Performance.getMetrics");
  await session.detach();
  return metrics.find(({ name }) => name === "TaskDuration")!.value;
}

describePage("the page", () => {
  test("shows markup as text wherever it comes from, and asks nobody but its server", async () => {
    await using host = await served({
      answer: (prompt) =>
        prompt.includes("user\nCall") && !prompt.includes("<tool_response>")
          ? callOf("own", JSON.stringify({ x: hostile }))
          : hostile,
      contextSize: 8192,
    });
    // Closing the browser fails on any request elsewhere, any dialog and any complaint of the policy.
    await using browser = await open(host.server);
    const { page } = browser;
    await ask(page, hostile);
    await settle(page);
    expect(await answers(page).innerText()).toContain('<img src=x onerror="alert(1)"><script>alert(2)</script>');
    await page.getByRole("button", { name: "Settings" }).click();
    await page.getByLabel("Your own tools, in JSON").fill('{"name": "own"}');
    await ask(page, "Call it");
    await page.getByLabel("Result of own").fill(hostile);
    await page.keyboard.press("Enter");
    await settle(page);
    await page.getByRole("banner").getByRole("button", { name: "Prompt" }).click();
    await page.getByRole("region", { name: "Text of the prompt" }).waitFor();
    for (const selector of [
      "img",
      "script:not([src])",
      "iframe",
      "svg:not(.icon)",
      "[onerror]",
      "[onclick]",
      'a[href^="javascript"]',
    ])
      expect({ selector, count: await page.locator(`body ${selector}`).count() }).toEqual({ selector, count: 0 });
    await page.keyboard.press("Escape");
    await page.reload();
    await answers(page).first().waitFor();
  });

  test("stays usable under an answer made to be slow to read", async () => {
    await using host = await served({
      answer: () => "*a _b **c [d](e `f ".repeat(400),
      contextSize: 32_768,
      bufferSize: 1000,
    });
    await using browser = await open(host.server);
    const { page } = browser;
    await ask(page, "Go");
    await settle(page);
    const begun = await busySeconds(page);
    await page.getByRole("button", { name: "Settings" }).click();
    await page.getByLabel("System message").waitFor();
    expect((await busySeconds(page)) - begun).toBeLessThan(5);
  });

  test("begins anew where what was stored is damaged, and keeps what is whole", async () => {
    const entries = [
      { role: "user", id: "u", parent: null, text: "Kept" },
      {
        role: "assistant",
        id: "a",
        parent: "u",
        text: "Half",
        reasoning: "",
        calls: [{ id: "c", name: "n", argumentsText: "{", state: "writing", result: "" }],
        state: "writing",
        note: "",
        isJson: false,
        numbers: null,
      },
    ];
    const whole = {
      id: "w",
      title: "Kept",
      changedAt: 5,
      entries,
      leaf: "a",
      settings: { model: "of-another-server", sampling: { temperature: "0.5" }, tools: ["nope"] },
      draft: "",
    };
    const stored = {
      "caduceus:conversation:1": "{",
      "caduceus:conversation:2": "null",
      "caduceus:conversation:w": JSON.stringify(whole),
      "caduceus:conversation:x": JSON.stringify({ ...whole, id: "x", entries: [{ ...entries[0], parent: "u" }] }),
      "caduceus:conversation:y": JSON.stringify({ ...whole, id: "y", entries: "all" }),
      "caduceus:theme": "pink",
    };
    await using host = await served({ answer: () => "Whole." });
    await using browser = await open(host.server, { stored });
    const { page } = browser;
    await answers(page).getByText("Half").waitFor();
    await answers(page).getByText("Stopped.").waitFor();
    expect(await page.getByRole("navigation").getByRole("listitem").count()).toBe(1);
    await ask(page, "And?");
    await answers(page).getByText("Whole.").waitFor();
  });

  test("lets the oldest conversations go when the browser's storage is full", async () => {
    const conversation = (id: number) =>
      JSON.stringify({
        id: String(id),
        title: `No ${id}`,
        changedAt: id,
        entries: [{ role: "user", id: "u", parent: null, text: "x".repeat(100_000) }],
        leaf: "u",
        settings: {},
        draft: "",
      });
    const stored = Object.fromEntries(
      Array.from({ length: 45 }, (_, index) => [`caduceus:conversation:${index}`, conversation(index)]),
    );
    await using host = await served({ answer: () => "Here." });
    await using browser = await open(host.server, { stored });
    const { page } = browser;
    await page.getByRole("button", { name: "New conversation" }).first().click();
    await ask(page, "Newest");
    await settle(page);
    await expect
      .poll(() => page.evaluate("Object.values(localStorage).some((text) => text.includes('Here.'))"))
      .toBe(true);
    const ids = (await page.evaluate(
      "Object.keys(localStorage).filter((key) => key.startsWith('caduceus:conversation:')).map((key) => key.slice(22))",
    )) as string[];
    expect(ids).toContain("44");
    expect(ids).not.toContain("0");
  });

  test("asks for a key where the server has some, says when it is wrong, and keeps it for the tab alone", async () => {
    await using host = await served({ answer: () => "Welcome." }, { apiKeys: ["right"] });
    await using browser = await open(host.server, { mayComplain: /401/ });
    const { page } = browser;
    const key = page.getByLabel("Key", { exact: true });
    await key.fill("wrong");
    await page.keyboard.press("Enter");
    await page.getByText("The server does not know this key.").waitFor();
    await key.fill("right");
    await page.keyboard.press("Enter");
    await page.getByText("hermes runs on the machine").waitFor();
    await ask(page, "Hi");
    await answers(page).getByText("Welcome.").waitFor();
    await page.reload();
    await page.getByText("Welcome.").waitFor();
    expect(await page.getByRole("dialog").count()).toBe(0);
    expect(await page.evaluate("Object.values(localStorage).join().includes('right')")).toBe(false);
  });

  test("says that the server is gone, and goes on when it is back", async () => {
    await using host = await served({ answer: () => "Hello." });
    await using browser = await open(host.server, { mayComplain: /ERR_/ });
    const { page } = browser;
    await page.getByText("runs on the machine").waitFor();
    await page.context().setOffline(true);
    await ask(page, "Hi");
    await page.getByRole("alert").getByText("The server cannot be reached.").waitFor();
    await page.context().setOffline(false);
    await page.getByRole("button", { name: "Resend" }).click();
    await answers(page).getByText("Hello.").waitFor();
  });
});
