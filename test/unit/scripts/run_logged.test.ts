// What is shown of a program that fails: whoever installs the package has no log to look into.
import { expect, test } from "vitest";

const { runLogged } = (await import(new URL("../../../scripts/setup/run_logged.mjs", import.meta.url).href)) as {
  runLogged(log: string, program: string, args: string[], options: { what: string }): Promise<string>;
};

const runs = (lines: readonly string[]) =>
  runLogged(
    "unit-test",
    process.execPath,
    ["-e", `console.log(${JSON.stringify(lines.join("\n"))}); process.exitCode = 3`],
    { what: "The build" },
  ).then(
    () => "",
    ({ message }: Error) => message,
  );

test.each([
  "native/engine/engine.cpp:12:3: error: expected ';' before '}' token",
  "fatal error: cstdio: No such file or directory",
  "error[E0425]: cannot find value `x` in this scope",
  "CMake Error at CMakeLists.txt:3 (project):",
  "engine.cpp:(.text+0x5): undefined reference to `ggml_init'",
])("%s is shown though a hundred lines follow it", async (line) => {
  const message = await runs([
    ...Array.from({ length: 100 }, (_, index) => `before ${index}`),
    line,
    ...Array.from({ length: 100 }, (_, index) => `[${index}/200] Building error.cpp.o`),
  ]);
  const shown = message.split("\n").map((one) => one.trim());
  expect(shown[0]).toMatch(/^The build ended with code 3\. The end of .*unit-test\.log:$/);
  expect(shown.slice(1, 3)).toEqual([line, "…"]);
  expect(shown).toHaveLength(43);
  expect(shown.at(-1)).toBe("[99/200] Building error.cpp.o");
});

test("an error among the last lines is shown once", async () => {
  const message = await runs(["one", "x.cpp:1: error: two", "three"]);
  expect(
    message
      .split("\n")
      .slice(1)
      .map((line) => line.trim()),
  ).toEqual(["one", "x.cpp:1: error: two", "three"]);
});
