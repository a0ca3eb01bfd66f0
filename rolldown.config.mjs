// The published JavaScript: src/ to dist/, the library's hundred modules in one file and Hermes' parser in another.
// Node 20 takes some 55 ms of processor time longer to find and link them one by one. Packages go in as well: npm takes
// longer to write hono's 380 files than all of ours.
import { readFileSync } from "node:fs";
import path from "node:path";
import { defineConfig } from "rolldown";

const root = import.meta.dirname;
const { dependencies, peerDependencies } = JSON.parse(readFileSync(path.join(root, "package.json"), "utf8"));

/** Modules that keep a file of their own name; what they share lies in dist/chunks. */
const entries = [
  // What package.json names.
  "index",
  "format/hermes/index",
  "server/index",
  "adapters/ai_sdk/index",
  "adapters/langchain/index",
  "adapters/mcp/index",
  "adapters/openai_agents/index",
  "adapters/opentelemetry/index",
  "cli/main",
  // What the install script loads, and programs that are run by their paths.
  "engine/addon/load_addon",
  "engine/addon/probe_gpu",
  "engine/addon/quantize/quantize_process",
  "engine/isolated/host_program",
  // What our scripts, benchmarks and tests import from inside.
  "chat/model",
  "engine/addon/addon_engine",
  "engine/addon/grammar",
  "files/index",
  "files/packages/python_package",
  "model/loading/loaded_model",
  "model/loading/sampling",
];

export default defineConfig({
  cwd: root,
  input: Object.fromEntries(entries.map((name) => [name, path.join(root, "src", `${name}.ts`)])),
  platform: "node",
  tsconfig: path.join(root, "tsconfig.build.json"),
  external: new RegExp(`^(${Object.keys({ ...dependencies, ...peerDependencies }).join("|")})(/|$)`),
  output: {
    dir: "dist",
    chunkFileNames: "chunks/[name].js",
    // Names stay, so that stack traces can be read.
    minifyInternalExports: false,
    sourcemap: true,
    sourcemapExcludeSources: true,
    codeSplitting: {
      // Each with all that it imports, but for what an earlier one has.
      groups: [
        { name: "hermes", test: /src[\\/]format[\\/]hermes[\\/]index\.ts$/ },
        { name: "library", test: /src[\\/]index\.ts$/ },
        { name: "adapters", test: /src[\\/]adapters[\\/]\w+\.ts$/ },
      ],
    },
  },
});
