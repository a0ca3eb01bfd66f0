// Makes a checkout ready: node scripts/setup.mjs [build | prebuild | start | test | bench | types | gpu | docs |
// package | consumers | size]. Does only what is missing. `build` takes the flags of build.mjs, such as --debug, for
// the native build.
import { pathToFileURL } from "node:url";
import { checkNode, checkTools } from "./setup/check_tools.mjs";
import { command } from "./setup/command.mjs";
import { withLock } from "./setup/lock.mjs";
import { showProgress } from "./setup/progress.mjs";
import { SetupError } from "./setup/run_logged.mjs";
import {
  consumerPackages,
  defaultModel,
  hermesTestModel,
  llamaSource,
  nativeBuild,
  packages,
  page,
  peerPackages,
  sitePackages,
  typescript,
  vendor,
} from "./setup/steps.mjs";

/** @typedef {import("./setup/steps.mjs").Step} Step */

const build = [packages, llamaSource, nativeBuild(), typescript];

/** What each command needs, in this order. @satisfies {Record<string, Step[]>} */
const goals = {
  // npm installs the packages itself, and the published package brings its JavaScript.
  install: [llamaSource, nativeBuild()],
  prebuild: [packages, llamaSource],
  prepare: [typescript, page],
  package: [packages, llamaSource, typescript, vendor, page],
  build: [...build, page],
  start: [...build, defaultModel],
  test: [...build, page, nativeBuild({ tests: true }, "native tests"), defaultModel, hermesTestModel],
  bench: [
    ...build,
    nativeBuild({ llamaTools: true, llamaServer: true }, "llama.cpp's own programs"),
    peerPackages,
    defaultModel,
  ],
  types: [
    ...build,
    nativeBuild({ tests: true }, "native tests"),
    nativeBuild({ llamaTools: true }, "llama.cpp's own programs"),
  ],
  gpu: [packages, llamaSource, typescript, defaultModel],
  docs: [packages, sitePackages],
  // Both take a packed package; packing one sees to what it needs itself.
  consumers: [packages, typescript, consumerPackages, peerPackages, defaultModel],
  size: [packages, typescript, defaultModel],
};

/** @param {keyof typeof goals} goal */
export async function setUp(goal) {
  checkNode();
  const steps = goals[goal];
  if ((await outdated(steps)).length === 0) return;
  await withLock("set-up", async () => {
    const missing = await outdated(steps);
    // Before the first long step, not after it.
    checkTools(missing.flatMap((step) => step.tools));
    for (const [index, step] of missing.entries()) {
      if (await step.isCurrent()) continue;
      await showProgress(`[${index + 1}/${missing.length}] ${step.title}`, step.run);
    }
  });
}

/** @param {Step[]} steps */
async function outdated(steps) {
  const current = await Promise.all(steps.map((step) => step.isCurrent()));
  return steps.filter((_, index) => !current[index]);
}

if (process.argv[1] !== undefined && import.meta.url === pathToFileURL(process.argv[1]).href) {
  await command(async () => {
    const [goal = "build", ...flags] = process.argv.slice(2);
    if (!Object.hasOwn(goals, goal))
      throw new SetupError(`Invalid argument: ${goal}. Expected one of ${Object.keys(goals).join(", ")}.`);
    if (flags.length === 0) return setUp(/** @type {keyof typeof goals} */ (goal));
    if (goal !== "build") throw new SetupError(`Invalid argument: ${flags[0]}. ${goal} takes none.`);
    await setUp("prebuild");
    const { buildFromArguments } = await import("./build.mjs");
    await buildFromArguments(flags);
    if (!flags.includes("--print-tree")) await setUp("prepare");
  });
}
