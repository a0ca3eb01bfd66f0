// Is a tag the version that would be published? `node scripts/package/check_tag.mjs v1.2.3`
import { readFile } from "node:fs/promises";
import path from "node:path";
import { pathToFileURL } from "node:url";
import { command } from "../setup/command.mjs";
import { root } from "../setup/paths.mjs";
import { SetupError } from "../setup/run_logged.mjs";

/**
 * Undefined, or why the tag must not be published: a heading with a date says that the version was released then.
 * @param {string} tag
 * @param {string} version that of package.json
 * @param {string} changes CHANGELOG.md
 * @returns {string | undefined}
 */
export function tagProblem(tag, version, changes) {
  if (tag !== `v${version}`)
    return `Invalid value for the tag: ${tag || "none"}. Expected v${version}, the version in package.json.`;
  const heading = changes.split("\n").find((line) => line.startsWith(`## ${version} `));
  if (heading === undefined) return `CHANGELOG.md has no heading for ${version}: say what has changed.`;
  return /^## \S+ \(\d{4}-\d{2}-\d{2}\)$/.test(heading)
    ? undefined
    : `The heading "${heading}" has no date of release: write "## ${version} (YYYY-MM-DD)".`;
}

if (process.argv[1] !== undefined && import.meta.url === pathToFileURL(process.argv[1]).href) {
  await command(async () => {
    const { version } = JSON.parse(await readFile(path.join(root, "package.json"), "utf8"));
    const problem = tagProblem(process.argv[2] ?? "", version, await readFile(path.join(root, "CHANGELOG.md"), "utf8"));
    if (problem !== undefined) throw new SetupError(problem);
  });
}
