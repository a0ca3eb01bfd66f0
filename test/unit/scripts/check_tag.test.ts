// Fear: a version is published that the changelog does not call released.
import { readFileSync } from "node:fs";
import { expect, test } from "vitest";

const { tagProblem } = (await import(new URL("../../../scripts/package/check_tag.mjs", import.meta.url).href)) as {
  tagProblem: (tag: string, version: string, changes: string) => string | undefined;
};

const released = "# Changelog\n\n## 1.2.3 (2027-01-31)\n\n- Something.\n\n## 1.2.2 (2026-12-01)\n";

test("a tag passes if it is the version of package.json and its heading has a date", () => {
  expect(tagProblem("v1.2.3", "1.2.3", released)).toBeUndefined();
});

test.each([
  ["another version", "v1.2.2", "1.2.3", released, "Expected v1.2.3"],
  ["no tag", "", "1.2.3", released, "none"],
  ["a version without a heading", "v1.3.0", "1.3.0", released, "no heading for 1.3.0"],
  ["a heading that only begins alike", "v1.2", "1.2", released, "no heading for 1.2"],
  ["an unreleased version", "v1.0.0", "1.0.0", "## 1.0.0 (unreleased, as of 2027-01-31)\n", "no date of release"],
])("%s is refused", (_, tag, version, changes, words) => {
  expect(tagProblem(tag, version, changes)).toContain(words);
});

test("the changelog begins with the version of package.json", () => {
  const read = (file: string) => readFileSync(new URL(`../../../${file}`, import.meta.url), "utf8");
  const { version } = JSON.parse(read("package.json")) as { version: string };
  expect(/^## .*$/m.exec(read("CHANGELOG.md"))?.[0]).toMatch(new RegExp(`^## ${version.replaceAll(".", "\\.")} \\(`));
});
