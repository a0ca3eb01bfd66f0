// Whether a program ends that has a reply on a server under way.
import { expect, test } from "vitest";
import { finish, fakeServer, text, type Answer } from "../unit/remote/fake_server.js";
import { program, runNode } from "../process/run_program.js";

/** Begins at once, and ends when the test says so. */
function slow(): { readonly answer: Answer; readonly end: () => void } {
  let end = () => {};
  const answer: Answer = (response) => {
    response.writeHead(200);
    response.write(text("Hello"));
    end = () => response.end(text(", you.") + finish());
  };
  return { answer, end: () => end() };
}

test.each(["unread", "dropped"])("a reply that nobody reads on (%s) does not keep a program alive", async (how) => {
  const server = await fakeServer(slow().answer);
  const { code, signal, stderr } = await runNode(program("unread.mjs"), [server.url, how]);
  expect({ code, signal, stderr }).toEqual({ code: 0, signal: null, stderr: "" });
  await expect.poll(server.open).toBe(0);
});

test("a reply that is waited for does, through a silence", async () => {
  const { answer, end } = slow();
  const server = await fakeServer((...args) => {
    setTimeout(end, 2_000);
    return answer(...args);
  });
  expect(await runNode(program("unread.mjs"), [server.url, "awaited"])).toMatchObject({
    code: 0,
    stdout: "Hello, you.\n",
  });
});
