// Two groups: what needs no model runs in parallel; what loads one runs file by file, so that models do not fight for
// cores. `npm test` runs the projects `unit` and `programs` beside the others.
import { availableParallelism } from "node:os";
import { defineConfig, type TestProjectInlineConfiguration } from "vitest/config";

const models = [
  "test/{engines,hermes,smollm,adapters,embedding,examples}/**/*.test.ts",
  "test/{isolated,process,remote,server,docs}/**/*.test.ts",
];
/** These wait for browsers, terminals and processes, or compute on one core for long, and measure nothing. */
const programs = [
  "test/page/**/*.test.ts",
  "test/process/cli/!(bench).test.ts",
  "test/examples/**/*.test.ts",
  "test/process/programs.test.ts",
  "test/docs/blocks.test.ts",
];

function model(name: string, include: string[], exclude: string[] = []): TestProjectInlineConfiguration {
  return {
    extends: true,
    test: {
      name,
      include,
      exclude,
      testTimeout: 120_000,
      hookTimeout: 120_000,
      maxWorkers: 1,
      sequence: { groupOrder: 1 },
    },
  };
}

export default defineConfig({
  test: {
    // A crash or an exit in one file stays its own.
    pool: "forks",
    // A busy machine takes many times as long as a quiet one. What never comes about fails as well, only later.
    expect: { poll: { timeout: 60_000 } },
    projects: [
      {
        extends: true,
        test: {
          name: "unit",
          include: ["test/unit/**/*.test.ts"],
          // Behind what has priority some take ten times as long.
          testTimeout: 120_000,
          // Vitest's own choice is one less, which is one at a time on two cores.
          maxWorkers: availableParallelism(),
          sequence: { groupOrder: 0 },
        },
      },
      model("model", models, programs),
      model("programs", programs),
      model("hostile", ["test/hostile/**/*.test.ts"]),
    ],
  },
});
