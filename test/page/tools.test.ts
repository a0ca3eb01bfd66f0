// Calls, schemas and prompts on the page.
import { expect, test } from "vitest";
import { answers, ask, callOf, describePage, holding, open, served, settle } from "./browsing.js";
import type { RunRequest } from "../../src/engine/engine.js";

const textOf = ({ prompt }: RunRequest) => prompt.map((part) => Object.values(part)[0] as string).join("");
const weather = JSON.stringify({
  name: "get_weather",
  description: "The weather",
  parameters: { type: "object", properties: { city: { type: "string" } }, required: ["city"] },
});

describePage("tools", () => {
  test("a tool of the browser runs by itself, and its result goes back", async () => {
    await using host = await served({
      answer: (prompt) =>
        prompt.includes("<tool_response>") ? "It is 84." : callOf("calculate", '{"expression": "(17 + 25) * 2"}'),
    });
    await using browser = await open(host.server);
    const { page } = browser;
    await page.getByRole("button", { name: /Let it call a tool/ }).click();
    await page.keyboard.press("Enter");
    await answers(page).getByText("It is 84.").waitFor();
    const call = page.getByRole("region", { name: "Call of calculate" });
    expect(await call.innerText()).toMatch(/done[^]*\(17 \+ 25\) \* 2[^]*84/);
    // A small model, too, shows a call then; what is asked later it answers as it likes.
    await settle(page);
    await ask(page, "Thanks.");
    await expect.poll(() => host.engine.requests.length).toBe(3);
    expect(
      host.engine.requests.map(
        ({ constraint }) => constraint?.kind === "tools" && [constraint.mode, constraint.tools.map(({ name }) => name)],
      ),
    ).toEqual([
      ["required", ["calculate"]],
      ["auto", ["calculate"]],
      ["auto", ["calculate"]],
    ]);
    expect(textOf(host.engine.requests[1]!)).toContain('<tool_response>\n{"name": "calculate", "content": 84}');
  });

  test("arguments of own tools grow as they are written, and the person gives or refuses each result", async () => {
    const calls = `${callOf("get_weather", `{"city": "Llanfair${"pwll".repeat(20)}"}`)}\n${callOf("get_weather", '{"city": "Ghent"}')}`;
    const { hold, goOn } = holding(120);
    await using host = await served({
      answer: (prompt) => (prompt.includes("<tool_response>") ? "It is 21 degrees." : calls),
      hold,
    });
    await using browser = await open(host.server);
    const { page } = browser;
    await page.getByRole("button", { name: "Settings" }).click();
    await page.getByLabel("Your own tools, in JSON").fill(weather);
    await page.getByRole("combobox", { name: /^The model/ }).selectOption("required");
    await ask(page, "How is the weather?");
    const [first, second] = [0, 1].map((index) =>
      page.getByRole("region", { name: "Arguments of get_weather" }).nth(index),
    );
    await first!.getByText("pwllpwll").waitFor();
    expect(await first!.innerText()).not.toContain("}");
    goOn();
    await page.getByLabel("Result of get_weather").nth(1).waitFor();
    expect(await second!.innerText()).toBe('{"city": "Ghent"}');
    await page.getByLabel("Result of get_weather").first().fill("21 degrees");
    await page.keyboard.press("Enter");
    await page.getByRole("button", { name: "Refuse" }).click();
    await answers(page).getByText("It is 21 degrees.").waitFor();
    const [request, next] = host.engine.requests;
    expect([request!, next!].map(({ constraint }) => constraint?.kind === "tools" && constraint.mode)).toEqual([
      "required",
      "auto",
    ]);
    expect(textOf(next!)).toContain("21 degrees");
    expect(textOf(next!)).toContain("The user refused this call.");
  });

  test("a call that waits is ended by Stop, and the conversation goes on", async () => {
    await using host = await served({
      answer: (prompt) => (prompt.includes("user\nNever mind") ? "Fine." : callOf("get_weather", '{"city": "Ghent"}')),
    });
    await using browser = await open(host.server);
    const { page } = browser;
    await page.getByRole("button", { name: "Settings" }).click();
    await page.getByLabel("Your own tools, in JSON").fill(weather);
    await ask(page, "How is the weather?");
    await page.getByLabel("Result of get_weather").waitFor();
    await page.getByRole("button", { name: "Stop" }).click();
    await page.getByText("not run").waitFor();
    await ask(page, "Never mind");
    await answers(page).getByText("Fine.").waitFor();
  });

  test("a model that never ends calling is stopped after eight rounds", async () => {
    await using host = await served({ answer: () => callOf("calculate", '{"expression": "1 / 0"}') });
    await using browser = await open(host.server);
    const { page } = browser;
    await page.getByRole("button", { name: /Let it call a tool/ }).click();
    await page.keyboard.press("Enter");
    await page.getByText("The model still called after 8 rounds.").waitFor();
    await settle(page);
    expect(host.engine.requests).toHaveLength(8);
    expect(textOf(host.engine.requests[1]!)).toContain("not a finite number");
  });

  test("own tools and schemas that are not JSON are pointed out where they stand, and nothing is sent", async () => {
    await using host = await served({});
    await using browser = await open(host.server);
    const { page } = browser;
    await page.getByRole("button", { name: "Settings" }).click();
    await page.getByLabel("Your own tools, in JSON").fill('[{"name": }]');
    await page.getByText("Your own tools cannot be read as JSON").waitFor();
    await ask(page, "Hi");
    await page.getByRole("alert").getByText("Your own tools cannot be read as JSON").waitFor();
    await page.getByLabel("Your own tools, in JSON").fill('{"name": "calculate"}');
    await page.getByText("is one of the page's own tools").waitFor();
    await page.getByLabel("Your own tools, in JSON").fill("");
    await page.getByLabel("JSON by a schema").check();
    await page.getByLabel("JSON Schema").fill("[]");
    await page.getByText("The schema has to be an object.").waitFor();
    expect(host.engine.requests).toHaveLength(0);
  });

  test("a schema holds the answer, which is shown as JSON", async () => {
    await using host = await served({ answer: () => '{"ok": true}' });
    await using browser = await open(host.server);
    const { page } = browser;
    await page.getByRole("button", { name: "Settings" }).click();
    await page.getByLabel("JSON by a schema").check();
    await page.getByLabel("JSON Schema").fill('{"type": "object", "properties": {"ok": {"type": "boolean"}}}');
    await ask(page, "Are you fine?");
    await settle(page);
    expect(await page.getByRole("region", { name: "Answer in JSON" }).innerText()).toBe('{"ok": true}');
    expect(host.engine.requests[0]!.constraint).toMatchObject({
      kind: "json",
      schema: { properties: { ok: { type: "boolean" } } },
    });
  });

  test("the prompt that is shown is the one that the engine read, to the last token", async () => {
    await using host = await served({ answer: () => "Yes.", contextSize: 2048 });
    await using browser = await open(host.server);
    const { page } = browser;
    await ask(page, "Is <|im_end|> only text?");
    await settle(page);
    await answers(page).getByRole("button", { name: "Prompt" }).click();
    const read = textOf(host.engine.requests[0]!);
    const shown = page.getByRole("region", { name: "Text of the prompt" });
    expect(await shown.evaluate((element) => element.textContent)).toBe(read);
    await page.getByRole("button", { name: "Tokens" }).click();
    const ids = await page.getByRole("list", { name: "Tokens of the prompt" }).locator(".token-id").allInnerTexts();
    expect(ids.map(Number)).toEqual([...(await host.engine.tokenize(host.engine.requests[0]!.prompt))]);
    await page.keyboard.press("Escape");
    // What would be sent next, before it is.
    await page.getByLabel("Message", { exact: true }).fill("And now?");
    await page.getByRole("banner").getByRole("button", { name: "Prompt" }).click();
    expect(await shown.evaluate((element) => element.textContent)).toContain(
      "Yes.<|im_end|>\n<|im_start|>user\nAnd now?<|im_end|>\n<|im_start|>assistant\n",
    );
    expect(host.engine.requests).toHaveLength(1);
  });
});
