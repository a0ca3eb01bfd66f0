// Is a tag the version that would be published? `node scripts/package/check_tag.mjs v1.2.3`
import { readFile } from "node:fs/promises";
import path from "node:path";
import { command } from "../setup/command.mjs";
import { root } from "../setup/paths.mjs";
import { SetupError } from "../setup/run_logged.mjs";

await command(async () => {
  const [tag = ""] = process.argv.slice(2);
  const { version } = JSON.parse(await readFile(path.join(root, "package.json"), "utf8"));
  if (tag !== `v${version}`)
    throw new SetupError(`Expected the tag v${version}, the version in package.json, but received ${tag || "none"}.`);
  const changes = await readFile(path.join(root, "CHANGELOG.md"), "utf8");
  if (!changes.split("\n").some((line) => line.startsWith("## ") && line.includes(version)))
    throw new SetupError(`CHANGELOG.md has no heading for ${version}: say what has changed.`);
});
