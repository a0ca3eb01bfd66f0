// Builds the module for GPUs of one kind, and puts it into its own package,
// packages/<kind>/prebuilds/<platform>-<arch>/.
//
//   node scripts/package/gpu_module.mjs cuda|vulkan [--architectures=90] [--jobs=N] [--pack]
//
// With --pack it also makes the package's archive, and prints its name last. The architectures are CUDA's, as CMake
// takes them; without them ggml chooses for all GPUs since Turing. By this system's own compiler: nvcc takes no other,
// and where GPUs are there is a system as new as this one.
import { parseArgs } from "node:util";
import path from "node:path";
import { buildModule } from "../gpu/module.mjs";
import { command } from "../setup/command.mjs";
import { setUp } from "../setup.mjs";
import { root } from "../setup/paths.mjs";
import { showProgress } from "../setup/progress.mjs";
import { SetupError } from "../setup/run_logged.mjs";
import { packFolder } from "./pack.mjs";

await command(async () => {
  const { values, positionals } = parseArgs({
    options: { architectures: { type: "string" }, jobs: { type: "string" }, pack: { type: "boolean" } },
    allowPositionals: true,
  });
  const [kind] = positionals;
  if (kind !== "cuda" && kind !== "vulkan")
    throw new SetupError(`Invalid argument: ${kind ?? "none"}. Expected cuda or vulkan.`);
  await setUp("prebuild");
  const jobs = values.jobs === undefined ? undefined : Number(values.jobs);
  const placed = await showProgress(`module for ${kind}`, (report) =>
    buildModule(kind, values.architectures, report, jobs),
  );
  process.stdout.write(`${placed}\n`);
  if (!values.pack) return;
  process.stdout.write(`${await packFolder(path.join(root, "packages", kind), root)}\n`);
});
