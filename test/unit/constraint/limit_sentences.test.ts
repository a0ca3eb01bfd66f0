// native/constraint/src/failure.rs tells by sentences that llguidance reached a limit. Here they are looked for in its
// source, which cargo has fetched: a version with other words, or with more limits, does not go unnoticed.
import { execFileSync } from "node:child_process";
import { readdirSync, readFileSync } from "node:fs";
import path from "node:path";
import { fileURLToPath } from "node:url";
import { beforeAll, expect, test } from "vitest";

const root = fileURLToPath(new URL("../../..", import.meta.url));
const crate = path.join(root, "native/constraint");

/** String literals of our own constant of that name. */
function constant(name: string): string[] {
  const source = readFileSync(path.join(crate, "src/failure.rs"), "utf8");
  const body = new RegExp(`const ${name}\\b[^=]*=\\s*([^;]*);`).exec(source)?.[1];
  if (body === undefined) throw new Error(`failure.rs has no constant ${name}.`);
  return literals(body);
}

const literals = (source: string) =>
  [...source.replace(/^\s*\/\/.*$/gm, "").matchAll(/"((?:[^"\\\n]|\\.)*)"/g)].map(([, text]) => text!);

/** Source of each crate, and the text literals in it. */
const code: Record<string, string> = {};
const said: Record<string, string[]> = {};

beforeAll(async () => {
  const { findCargo } = (await import(new URL("../../../scripts/setup/check_tools.mjs", import.meta.url).href)) as {
    findCargo(): string | undefined;
  };
  const args = ["metadata", "--format-version", "1", "--locked", "--offline"];
  const metadata = execFileSync(findCargo() ?? "cargo", args, { cwd: crate, encoding: "utf8", maxBuffer: 2 ** 26 });
  const { packages } = JSON.parse(metadata) as { packages: { name: string; manifest_path: string }[] };
  for (const name of ["llguidance", "derivre", "toktrie", "serde_json"]) {
    const folder = path.join(path.dirname(packages.find((one) => one.name === name)!.manifest_path), "src");
    const files = readdirSync(folder, { recursive: true, encoding: "utf8" }).filter((file) => file.endsWith(".rs"));
    code[name] = files.map((file) => readFileSync(path.join(folder, file), "utf8")).join("\n");
    said[name] = literals(code[name]);
  }
});

test.each(["LIMITS", "LIMITS_OF_MATCHERS", "PANIC"])(
  "every sentence of %s begins one of llguidance's or of what it is made of",
  (name) => {
    const beginnings = constant(name);
    expect(beginnings.length).toBeGreaterThan(0);
    const all = Object.values(said).flat();
    expect(beginnings.filter((beginning) => !all.some((text) => text.startsWith(beginning)))).toEqual([]);
  },
);

test("the assertion that is a limit stands in llguidance's source as it is looked for", () => {
  const [assertion] = constant("LIMIT_BY_PANIC");
  expect(code["llguidance"]).toContain(assertion!.replace("assertion failed: ", "assert!("));
});

/** What speaks of sizes and is none of the limits of compiling. */
const others = [
  // The schema is at fault, whatever its size.
  "Value for 'multipleOf' has too many digits",
  "Overflow when calculating break point",
  "minLength ({min_length}) exceeds the supported range",
  "maxLength ({max}) exceeds the supported range",
  "Value {val} for '{name}' is too large",
  "number {} is too large; must be <= {}",
  "Token range end too large",
  // A matcher's: they come behind `lexer error: ` or `parser error: `.
  "too many expressions constructed",
  "too many states: {} >= {}",
  "Too many items (limit {limit}; {lbl})",
  "rollback: too many bytes {} > {}",
  // llguidance replaces it by sentences of its own.
  "maximum relevance check fuel {} exceeded",
  // Panics.
  "class too large",
  "max items exceeded",
  "token {} exceeds maximum capacity",
];

test("no other sentence of llguidance speaks of a limit", () => {
  const ofLimits =
    /\btoo (large|big|deep\w*|long|complex|many|much)\b|\blimit\w* (reached|exceeded)|exceed|exhausted|[Oo]verflow/;
  const all = ["llguidance", "derivre", "toktrie"].flatMap((name) => said[name]!);
  expect(all.length).toBeGreaterThan(1000);
  const known = [...constant("LIMITS"), ...others];
  const unknown = all.filter((text) => ofLimits.test(text) && !known.some((beginning) => text.startsWith(beginning)));
  expect(unknown).toEqual([]);
  expect(others.filter((beginning) => !all.some((text) => text.startsWith(beginning)))).toEqual([]);
});
