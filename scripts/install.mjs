// npm's install script: nothing where a prebuilt addon fits this machine, else the build from source.
import { command } from "./setup/command.mjs";
import { setUp } from "./setup.mjs";
import { removeBuildFiles } from "./setup/clean_up.mjs";

if (!(await hasPrebuilt())) {
  await command(async () => {
    await setUp("install");
    await removeBuildFiles();
  });
}

/** By the library's own rules, except that an old build of ours in build/Release does not count. */
async function hasPrebuilt() {
  if (process.env.npm_config_build_from_source) return false;
  process.env.PREBUILDS_ONLY = "1";
  try {
    // A checkout may not have it yet.
    const { loadAddon } = await import("../dist/engine/addon/load_addon.js");
    loadAddon();
    return true;
  } catch {
    return false;
  }
}
