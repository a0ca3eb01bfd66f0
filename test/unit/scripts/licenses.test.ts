// Fear: something is linked into the package and its license is not in it.
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import { expect, onTestFinished, test } from "vitest";

interface Entry {
  name: string;
  version: string;
  license: string;
  where: string;
  texts: string[];
}

const { formatLicenses, crateEntries } = (await import(
  new URL("../../../scripts/package/licenses.mjs", import.meta.url).href
)) as {
  formatLicenses(entries: Entry[]): string;
  crateEntries(folder: string, lock: string): Promise<Entry[]>;
};

const lock = `version = 4

[[package]]
name = "ours"
version = "0.1.0"
dependencies = ["one"]

[[package]]
name = "one"
version = "1.0.0"
source = "registry"
checksum = "0"

[[package]]
name = "one"
version = "2.0.0"
source = "registry"
checksum = "0"
`;

test("every crate of the lock file but our own has an entry, two versions of one have two", async () => {
  const folder = crates({
    "one-1.0.0": { "Cargo.toml": 'license = "MIT"', "LICENSE-MIT": "text 1" },
    "one-2.0.0": { "Cargo.toml": 'license = "Zlib"', COPYING: "text 2" },
  });
  const entries = await crateEntries(folder, lock);
  expect(entries.map(({ name, version, license, texts }) => [name, version, license, texts])).toEqual([
    ["one", "1.0.0", "MIT", ["text 1"]],
    ["one", "2.0.0", "Zlib", ["text 2"]],
  ]);
});

test("a crate that is locked and not vendored is named", async () => {
  const folder = crates({ "one-1.0.0": { "Cargo.toml": 'license = "MIT"', LICENSE: "text" } });
  await expect(crateEntries(folder, lock)).rejects.toThrow(/one 2\.0\.0 of Cargo\.lock is not among/);
});

test.each([
  ["license text", { license: "MIT", texts: [] }],
  ["license text", { license: "MIT", texts: ["\n  "] }],
  ["license", { license: "", texts: ["text"] }],
])("what has no %s is refused by its name", (missing, part) => {
  expect(() => formatLicenses([{ name: "thing", version: "1.2.3", where: "the addon", ...part }])).toThrow(
    `thing 1.2.3 has no ${missing}:`,
  );
});

test("a text that two share stands there once, also where its lines break elsewhere", () => {
  const page = formatLicenses([
    { name: "a", version: "1", license: "MIT", where: "x", texts: ["Permission is\ngranted", "other"] },
    { name: "b", version: "2", license: "MIT", where: "x", texts: ["  Permission\r\nis granted\n"] },
  ]);
  expect(page.match(/^## Text/gm)).toHaveLength(2);
  expect(page).toContain("| a | 1 | MIT | x | [1](#text-1), [2](#text-2) |\n| b | 2 | MIT | x | [1](#text-1) |");
});

function crates(files: Record<string, Record<string, string>>): string {
  const folder = mkdtempSync(path.join(tmpdir(), "caduceus-crates-"));
  onTestFinished(() => rmSync(folder, { recursive: true, force: true }));
  for (const [crate, contents] of Object.entries(files)) {
    mkdirSync(path.join(folder, crate));
    for (const [name, text] of Object.entries(contents)) writeFileSync(path.join(folder, crate, name), text);
  }
  return folder;
}
