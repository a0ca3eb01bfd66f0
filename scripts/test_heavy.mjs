// `npm run test:heavy [-- PART …] [--seed=N]`: what takes minutes each, all of it or the parts that are named.
//
//   written       values under 3,000 random schemas of each kind, by random tokens: the check accepts each
//   memory        10,000 requests and 1,000 aborted ones on one model: native memory flat
//   workers       90 workers that end in six ways at random moments: native memory flat
//   collection    200 models with garbage collection between any two steps
//   isolated      the tests that load a model once more, each model in a process of its own
//   server        200 clients stream from `caduceus serve` for a minute: none lost, memory bounded, time to first
//                 token reported
//   chaos         a fleet of three servers behind bad links (root on Linux): killed, stalled, garbled; --seconds=N
//                 instead of 600
//   engines       the common behaviors of engines on llama-server of the pinned tree
//   vllm          the same on vLLM: CADUCEUS_VLLM is a command that serves a small model on the port behind it
//   clients       Python's clients against the server: openai, anthropic, ollama, instructor, litellm
//   lm_eval       EleutherAI's harness against `caduceus serve`, its log likelihoods against llama.cpp's own
//   llama_cpp     files of llama-quantize and embeddings of llama-server, built from the pinned tree, against ours
//   remote        `connect` to llama-server of the pinned tree, against the same model here
//   source_build  the packed package builds without network and git, in a folder with spaces in its name, and generates
//   nextjs        examples/nextjs-chat with the packed package: installed, built, and used by a real browser
//   libraries     the programs of other libraries in docs/coming-from.md, compiled against their packages
//   vulkan        the package for Vulkan beside the packed one: offload, and the text of the processor (Debian:
//                 mesa-vulkan-drivers)
//   other_systems the packed package on Node with musl, and on Node for arm64 in QEMU (Linux x64; Rust's targets:
//                 rustup target add aarch64-unknown-linux-gnu x86_64-unknown-linux-musl)
//   windows       the packed package on Windows' Node under Wine (Linux x64; Debian: wine wine64; Rust's target: rustup
//                 target add x86_64-pc-windows-gnullvm)
//   windows_arm64 the addon compiles and links for Windows on arm64, and asks only for what Windows has (Linux; Rust's
//                 target: rustup target add aarch64-pc-windows-gnullvm)
//   macos         the addon compiles and links for macOS on arm64 and x64, without Metal, and asks only for what macOS
//                 has (Linux; Rust's targets: rustup target add aarch64-apple-darwin x86_64-apple-darwin)
//   neon          the kernels for ARM in QEMU, each against double precision and ggml's own (Linux x64; Debian:
//                 g++-aarch64-linux-gnu qemu-user-static)
//   hostile       damaged requests, schemas and model headers for ten minutes each
//   damage        5,000 damaged model files, each in a process of its own
//   text          1 MB of each run of characters with each pre-tokenizer that llama.cpp has
//   random        millions of steps of scheduler, prefix cache and engine, under address and undefined-behavior
//                 sanitizers
//   threads       the C++ tests under the thread sanitizer (Rust's sources: rustup component add rust-src)
//   addresses     the TypeScript tests that load a model under the address sanitizer, the hostile ones included, and
//                 then the hostile fuzzer, three minutes for each kind
import { execFileSync, spawn } from "node:child_process";
import { readdir } from "node:fs/promises";
import path from "node:path";
import { parseArgs } from "node:util";
import { build, isShipped } from "./build.mjs";
import { treeAddon } from "./build/build_tree.mjs";
import { missingForNeon, runNeonTests } from "./build/neon_tests.mjs";
import { command, showFailure } from "./setup/command.mjs";
import { setUp } from "./setup.mjs";
import { installLmEval } from "./setup/lm_eval.mjs";
import { installPythonClients } from "./setup/python_clients.mjs";
import { otherNode } from "./package/toolchains/other_nodes.mjs";
import { missingForWine, windowsNode } from "./package/toolchains/wine.mjs";
import { checkBinaries } from "./package/check_binaries.mjs";
import { packPackage } from "./package/pack.mjs";
import { cacheFolder, root } from "./setup/paths.mjs";
import { showProgress } from "./setup/progress.mjs";
import { runLogged, SetupError } from "./setup/run_logged.mjs";
import { nativeTestEnvironment, runNativeTests } from "./test_native.mjs";

const sanitized = { sanitize: "address,undefined" };

/** Each gives an exit code. @type {Record<string, (seed: number, seconds: string) => Promise<number>>} */
const parts = {
  written: async (seed) => {
    await built({ tests: true });
    return vitest(
      ["run", "--project", "model", "test/hermes/written_values.test.ts", "test/hermes/written_gbnf.test.ts"],
      {
        CADUCEUS_SCHEMAS: "3000",
        CADUCEUS_SEED: String(seed),
      },
    );
  },
  memory: () => heavyTest("memory"),
  workers: () => heavyTest("workers"),
  collection: () => heavyTest("collection"),
  isolated: () => vitest(["run", "--config", "vitest.isolated.config.ts"]),
  server: () => heavyTest("server"),
  chaos: async (_, seconds) => heavyTest("chaos/chaos", { CADUCEUS_CHAOS_SECONDS: seconds }),
  engines: async () => {
    const tree = await built({ llamaTools: true, llamaServer: true });
    return heavyTest("engines/llama_server", { CADUCEUS_LLAMA_TOOLS: path.join(tree, "bin") });
  },
  vllm: async () => {
    if (process.env.CADUCEUS_VLLM !== undefined) return heavyTest("engines/vllm");
    process.stderr.write("Skipped. CADUCEUS_VLLM is not set: a command that serves a small model with vLLM.\n");
    return 0;
  },
  clients: async () =>
    heavyTest("clients", { CADUCEUS_PYTHON_CLIENTS: await showProgress("Python's clients", installPythonClients) }),
  lm_eval: async () => {
    const tree = await built({ tests: true });
    const program = await showProgress("lm-eval", installLmEval);
    return heavyTest("lm_eval", {
      CADUCEUS_LM_EVAL: program,
      CADUCEUS_LOG_LIKELIHOODS: path.join(tree, "tests", "log_likelihoods"),
    });
  },
  llama_cpp: async () => {
    const tree = await built({ llamaTools: true, llamaServer: true });
    return heavyTest("llama_cpp", { CADUCEUS_LLAMA_TOOLS: path.join(tree, "bin") });
  },
  remote: async () =>
    heavyTest("remote/llama_server", { CADUCEUS_LLAMA_TOOLS: path.join(await built({ llamaServer: true }), "bin") }),
  source_build: async () =>
    heavyTest("source_build", { CADUCEUS_PACKAGE: await packPackage(path.join(cacheFolder, "package")) }),
  nextjs: async () => heavyTest("nextjs", { CADUCEUS_PACKAGE: await packPackage(path.join(cacheFolder, "package")) }),
  libraries: () => heavyTest("libraries"),
  vulkan: async () => {
    await showProgress("prebuilt addon", () => packaging("prebuild.mjs"));
    const module = await showProgress("package for Vulkan", () => packaging("gpu_module.mjs", "vulkan", "--pack"));
    return heavyTest("vulkan", {
      CADUCEUS_PACKAGE: await packPackage(path.join(cacheFolder, "package")),
      CADUCEUS_VULKAN_PACKAGE: module,
    });
  },
  other_systems: async () => {
    const nodes = {
      musl: await showProgress("Node with musl", (report) => otherNode("musl", report)),
      arm64: await showProgress("Node for arm64", (report) => otherNode("arm64", report)),
    };
    for (const target of ["linux-x64-musl", "linux-arm64-glibc"])
      await showProgress(`prebuilt addon for ${target}`, () => packaging("prebuild.mjs", `--target=${target}`));
    return heavyTest("other_systems", {
      CADUCEUS_PACKAGE: await packPackage(path.join(cacheFolder, "package")),
      CADUCEUS_OTHER_NODES: JSON.stringify(nodes),
    });
  },
  windows: async () => {
    const missing = missingForWine();
    if (missing !== undefined) return skip(missing);
    const node = await showProgress("Windows' Node in Wine", windowsNode);
    await showProgress("prebuilt addon for win32-x64", () => packaging("prebuild.mjs", "--target=win32-x64"));
    return heavyTest("windows/windows", {
      CADUCEUS_PACKAGE: await packPackage(path.join(cacheFolder, "package")),
      CADUCEUS_WINDOWS_NODE: JSON.stringify(node),
    });
  },
  windows_arm64: () => builds(["win32-arm64"]),
  macos: () => builds(["darwin-arm64", "darwin-x64"]),
  neon: async () => {
    const missing = missingForNeon();
    return missing === undefined ? runNeonTests() : skip(missing);
  },
  hostile: (seed) => hostileFuzz(600, seed),
  damage: (seed) => nativeTest({}, "model_fuzz_test", 5000, seed),
  text: () => nativeTest({}, "tokenizer_test", 1_000_000),
  random: async (seed) => {
    const codes = [
      await nativeTest(sanitized, "scheduler_test", 4000, seed),
      await nativeTest(sanitized, "prefix_cache_test", 2500, seed),
      await nativeTest(sanitized, "engine_traffic_test", 3000, seed),
    ];
    return Math.max(...codes);
  },
  threads: async () => {
    const options = { sanitize: "thread", tests: true, addon: false };
    await built(options);
    return runNativeTests(options);
  },
  addresses: async (seed) => {
    const tree = await built(sanitized);
    const library = execFileSync("gcc", ["-print-file-name=libasan.so"], { encoding: "utf8" }).trim();
    // Node does not free everything at its end.
    const env = {
      CADUCEUS_PREBUILD: tree,
      LD_PRELOAD: library,
      ASAN_OPTIONS: "detect_leaks=0:quarantine_size_mb=64",
      UBSAN_OPTIONS: "print_stacktrace=1:halt_on_error=1",
      // What takes a second takes many.
      CADUCEUS_HOSTILE_PATIENCE: "20",
    };
    // The sanitizer holds back what is freed, so that memory in use says nothing.
    const tests = await vitest(
      [
        "run",
        ...["--project", "model", "--project", "programs", "--project", "hostile"],
        ...["--exclude", "test/process/memory.test.ts"],
        ...["--testTimeout=900000", "--hookTimeout=900000"],
      ],
      env,
    );
    return Math.max(tests, await hostileFuzz(180, seed, env));
  },
};

await command(async () => {
  const { values, positionals } = parseArgs({
    options: { seed: { type: "string", default: "1000" }, seconds: { type: "string", default: "600" } },
    allowPositionals: true,
  });
  const seed = Number(values.seed);
  if (!Number.isSafeInteger(seed) || seed < 0)
    throw new SetupError(`Invalid value for --seed: ${values.seed}. Expected a whole number.`);
  if (!(Number(values.seconds) > 0))
    throw new SetupError(`Invalid value for --seconds: ${values.seconds}. Expected a number above 0.`);
  const names = positionals.length > 0 ? positionals : Object.keys(parts);
  const unknown = names.find((name) => !Object.hasOwn(parts, name));
  if (unknown !== undefined)
    throw new SetupError(`Invalid argument: ${unknown}. Expected one of ${Object.keys(parts).join(", ")}.`);
  await setUp("test");
  /** @type {string[]} */
  const failed = [];
  for (const name of names) {
    process.stderr.write(`== ${name}\n`);
    const code = await /** @type {(typeof parts)[string]} */ (parts[name])(seed, values.seconds).catch((error) => {
      // What one part lacks, the others need not.
      showFailure(error);
      return 1;
    });
    if (code !== 0) failed.push(name);
  }
  if (failed.length > 0) throw new SetupError(`Failed: ${failed.join(", ")}.`);
});

/**
 * The addon compiles and links for systems on which it cannot be run here, and asks only for what they and Node have.
 * @param {Array<"win32-arm64" | "darwin-arm64" | "darwin-x64">} systems
 */
async function builds(systems) {
  if (process.platform !== "linux") return skip("What zig builds for other systems is built on Linux only.");
  for (const target of systems) {
    const tree = await showProgress(`addon for ${target}`, (report) => build({ portable: true, target }, report));
    const folder = path.dirname(treeAddon(tree));
    const files = (await readdir(folder)).filter(isShipped).map((name) => path.join(folder, name));
    await checkBinaries(files, target);
    process.stderr.write(`${files.length} binaries for ${target} ask only for what that system and Node have\n`);
  }
  return 0;
}

/** @param {string} why */
function skip(why) {
  process.stderr.write(`Skipped. ${why}\n`);
  return 0;
}

/**
 * Runs a script of scripts/package, whose last line says what it made.
 * @param {string} script
 * @param {...string} args
 */
async function packaging(script, ...args) {
  const output = await runLogged("package", process.execPath, [path.join(root, "scripts/package", script), ...args], {
    append: true,
  });
  return output.trim().split("\n").at(-1);
}

/** @param {number} seconds of each kind @param {number} seed @param {NodeJS.ProcessEnv} [env] */
async function hostileFuzz(seconds, seed, env = {}) {
  const program = path.join(root, "test/fuzz/hostile_fuzz.mjs");
  const codes = [];
  for (const kind of ["requests", "schemas", "headers"])
    codes.push(await run(process.execPath, [program, kind, String(seconds), String(seed)], { ...process.env, ...env }));
  return Math.max(...codes);
}

/** @param {string} name @param {NodeJS.ProcessEnv} [env] */
function heavyTest(name, env) {
  return vitest(["run", "--config", "vitest.heavy.config.ts", `test/heavy/${name}.test.ts`], env);
}

/** @param {import("./build/build_options.mjs").BuildOptions} options @param {string} name @param {...number} args */
async function nativeTest(options, name, ...args) {
  const tree = await built({ ...options, tests: true });
  return run(path.join(tree, "tests", name), args.map(String), await nativeTestEnvironment());
}

/** @param {import("./build/build_options.mjs").BuildOptions} options */
async function built(options) {
  return showProgress(
    options.sanitize === undefined ? "native tests" : `build for the sanitizer ${options.sanitize}`,
    (report) => build(options, report),
  );
}

/** @param {string[]} args @param {NodeJS.ProcessEnv} [env] */
function vitest(args, env = {}) {
  return run(process.execPath, [path.join(root, "node_modules/vitest/vitest.mjs"), ...args], {
    ...process.env,
    ...env,
  });
}

/** @param {string} program @param {string[]} args @param {NodeJS.ProcessEnv} env @returns {Promise<number>} */
function run(program, args, env) {
  return new Promise((resolve, reject) => {
    const child = spawn(program, args, { cwd: root, stdio: "inherit", env });
    child.on("error", reject);
    child.on("exit", (code) => resolve(code ?? 1));
  });
}
