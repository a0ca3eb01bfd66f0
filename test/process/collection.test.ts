// Fear: an object that is collected while the engine, or a promise, still needs it. `npm run test:heavy` does the same
// with 200 models.
import { expect, test } from "vitest";
import { program, run } from "./run_program.js";

test("replies, chats and models that are dropped in any state, with collection at any moment, break nothing", async () => {
  expect(await run(process.execPath, ["--expose-gc", program("collection.mjs"), "8"])).toMatchObject({
    code: 0,
    signal: null,
    stderr: "",
  });
});
