// npm's install script: nothing where a prebuilt addon fits this machine, else the build from source.
import { existsSync } from "node:fs";
import { createRequire } from "node:module";
import path from "node:path";
import { command, setUp } from "./setup.mjs";
import { root } from "./setup/paths.mjs";

if (!hasPrebuilt()) await command(() => setUp("install"));

/** By node-gyp-build's own rules, except that an old build of ours in build/Release does not count. */
function hasPrebuilt() {
  if (process.env.npm_config_build_from_source || !existsSync(path.join(root, "prebuilds"))) return false;
  const require = createRequire(import.meta.url);
  process.env.PREBUILDS_ONLY = "1";
  try {
    require(require("node-gyp-build").resolve(root));
    return true;
  } catch {
    return false;
  }
}
