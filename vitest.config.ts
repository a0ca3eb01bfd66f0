// Two groups: what needs no model runs in parallel; what loads one runs file by file, so that models do not fight for
// cores.
import { defineConfig } from "vitest/config";

export default defineConfig({
  test: {
    // A crash or an exit in one file stays its own.
    pool: "forks",
    projects: [
      {
        extends: true,
        test: {
          name: "unit",
          include: ["test/unit/**/*.test.ts"],
          testTimeout: 30_000,
          sequence: { groupOrder: 0 },
        },
      },
      {
        extends: true,
        test: {
          name: "model",
          include: [
            "test/{engines,hermes,smollm,adapters,embedding,examples}/**/*.test.ts",
            "test/{isolated,process,remote,server,page,docs}/**/*.test.ts",
          ],
          testTimeout: 120_000,
          hookTimeout: 120_000,
          maxWorkers: 1,
          sequence: { groupOrder: 1 },
        },
      },
      {
        extends: true,
        test: {
          name: "hostile",
          include: ["test/hostile/**/*.test.ts"],
          testTimeout: 120_000,
          hookTimeout: 120_000,
          maxWorkers: 1,
          sequence: { groupOrder: 1 },
        },
      },
    ],
  },
});
