// A server whose models load when they are asked for, as its page shows it.
import { expect, test } from "vitest";
import { pooling, tiny } from "../server/pool/pooling.js";
import { answers, ask, describePage, open, settle } from "./browsing.js";

const small = { ...tiny, contextSize: 256 };

describePage("several models", () => {
  test("the page shows which are loaded, and has the one that is asked loaded", async () => {
    await using served = await pooling(
      { a: small, b: small },
      { maxMemoryBytes: 30 * 2 ** 20, serving: { statusAfterMs: 50 } },
    );
    const lease = await served.pool.acquire("b");
    await using browser = await open(served.server);
    const { page } = browser;
    const options = page.locator("label.model option");
    await expect.poll(() => options.allTextContents()).toEqual(["a (not loaded)", "b"]);
    const atWork = page.getByLabel("The model at this moment");
    expect(await atWork.innerText()).toMatch(/Model\s+not loaded/);
    await ask(page, "Hello");
    await expect.poll(() => atWork.innerText()).toMatch(/Model\s+waits for memory/);
    lease.release();
    await settle(page);
    await expect.poll(() => options.allTextContents()).toEqual(["a", "b (not loaded)"]);
    expect(await atWork.innerText()).toMatch(/Cache filled\s+\d+ %/);
    expect((await answers(page).innerText()).length).toBeGreaterThan(0);
  });
});
