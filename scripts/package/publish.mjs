// Publishes packed packages.
//
//   node scripts/package/publish.mjs [--dry-run] [--provenance] FILE.tgz | FOLDER …
//
// What is published already, in this very version, is left as it is, so that a release that broke off can be run again.
import { execFileSync, spawnSync } from "node:child_process";
import path from "node:path";
import { parseArgs } from "node:util";
import { command } from "../setup/command.mjs";
import { npmCommand, SetupError } from "../setup/run_logged.mjs";
import { tarballsIn } from "./tarball.mjs";

await command(async () => {
  const { values, positionals } = parseArgs({
    options: { "dry-run": { type: "boolean" }, provenance: { type: "boolean" } },
    allowPositionals: true,
  });
  if (positionals.length === 0)
    throw new SetupError("No packages were given. Give packed packages or folders of them.");
  const files = (await Promise.all(positionals.map((place) => tarballsIn(place)))).flat();
  const packed = files.map((file) => ({
    file,
    manifest: JSON.parse(execFileSync("tar", ["-xzOf", file, "package/package.json"], { encoding: "utf8" })),
  }));
  // What others are optional to comes after them: whoever installs it meanwhile would go without.
  packed.sort(
    (a, b) =>
      Number(a.manifest.optionalDependencies !== undefined) - Number(b.manifest.optionalDependencies !== undefined),
  );
  for (const {
    file,
    manifest: { name, version },
  } of packed) {
    if (isPublished(name, version)) {
      process.stderr.write(`${name} ${version} is published already.\n`);
      continue;
    }
    const flags = [values["dry-run"] ? "--dry-run" : "", values.provenance ? "--provenance" : ""].filter(Boolean);
    if (npm(["publish", path.resolve(file), "--access", "public", ...flags], "inherit").status !== 0)
      throw new SetupError(`${name} ${version} was not published: npm says why, above.`);
  }
});

/** @param {string} name @param {string} version */
function isPublished(name, version) {
  return npm(["view", `${name}@${version}`, "version"], "pipe").stdout.trim() !== "";
}

/** @param {string[]} args @param {"inherit" | "pipe"} stdio */
function npm(args, stdio) {
  const [program, all] = npmCommand(args);
  return spawnSync(program, all, {
    encoding: "utf8",
    stdio: ["ignore", stdio, stdio],
    shell: program.endsWith(".cmd"),
  });
}
