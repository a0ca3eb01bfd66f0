// `npm run test:gpu`: what a GPU must do and how fast it is, in at most eight minutes, with a report for
// docs/performance.md. Without an NVIDIA GPU a dry run in small on any Vulkan device, such as Mesa's of software
// (Debian: mesa-vulkan-drivers), so that it works the first time where there is one.
//
//   npm run test:gpu -- [--dry] [--only=offload,…] [--out=FOLDER] [--seconds=480] [--architectures=90]
//   npm run test:gpu -- --pack=FILE [--architectures=90] [--without-model]
//
// --pack puts everything into an archive for a machine without network, Node and Rust: there `./run` in its folder
// is the test. With --architectures the module for CUDA is built here and goes along; otherwise it is built there, by
// the CUDA toolkit, CMake and g++ of that machine. --without-model leaves out the small model (98 MB), and a generated
// one takes its place.
import { spawn, spawnSync } from "node:child_process";
import { once } from "node:events";
import { statSync } from "node:fs";
import { parseArgs } from "node:util";
import path from "node:path";
import { makeTestFolder } from "./folder.mjs";
import { describeMachine, hasNvidia } from "./machine.mjs";
import { command } from "../setup/command.mjs";
import { showProgress } from "../setup/progress.mjs";
import { runLogged, SetupError } from "../setup/run_logged.mjs";

await command(async () => {
  const text = /** @type {const} */ ({ type: "string" });
  const flag = /** @type {const} */ ({ type: "boolean" });
  const { values } = parseArgs({
    options: {
      dry: flag,
      only: text,
      out: text,
      seconds: text,
      architectures: text,
      pack: text,
      "without-model": flag,
    },
  });
  if (process.platform !== "linux") throw new SetupError("The GPU test runs on Linux only.");
  const { architectures, pack, dry } = values;
  const isDry = pack === undefined && (dry === true || !hasNvidia(describeMachine()));
  const folder = await makeTestFolder({
    kind: isDry ? "vulkan" : pack === undefined || architectures !== undefined ? "cuda" : undefined,
    architectures: architectures ?? describeMachine().gpus.find(({ architecture }) => architecture)?.architecture,
    models: !values["without-model"],
    elsewhere: pack !== undefined,
  });
  if (pack !== undefined) return packInto(path.resolve(pack), folder);
  const args = Object.entries({ dry: isDry, ...values }).flatMap(([name, value]) =>
    name === "pack" || name === "without-model" || value === false
      ? []
      : [value === true ? `--${name}` : `--${name}=${name === "out" ? path.resolve(String(value)) : value}`],
  );
  const child = spawn(path.join(folder, "run"), [...new Set(args)], { stdio: "inherit" });
  const [code] = await once(child, "exit");
  process.exitCode = code ?? 1;
});

/** @param {string} file @param {string} folder */
async function packInto(file, folder) {
  // What was made on this machine, and what is made there.
  const without = [
    ".cache",
    "cache",
    "report",
    "models/7b.gguf",
    "models/7b-4.gguf",
    "models/tiny.gguf",
    "packages/vulkan",
  ];
  const base = path.basename(folder);
  const hasXz = spawnSync("xz", ["--version"]).status === 0;
  await showProgress(path.basename(file), () =>
    runLogged(
      "gpu-archive",
      "tar",
      [
        hasXz ? "-cJf" : "-czf",
        file,
        "-C",
        path.dirname(folder),
        ...without.map((name) => `--exclude=${base}/${name}`),
        base,
      ],
      { what: "tar", env: { ...process.env, XZ_OPT: "-6 -T0" } },
    ),
  );
  process.stdout.write(
    `${file}: ${(statSync(file).size / 2 ** 20).toFixed(0)} MiB. On the machine with the GPU: tar -xf ${path.basename(file)} && ${base}/run\n`,
  );
}
