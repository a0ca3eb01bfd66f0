// The tests that load a model, with each model in a process of its own.
import { defineConfig } from "vitest/config";

export default defineConfig({
  test: {
    pool: "forks",
    include: ["test/{hermes,smollm,embedding,server}/**/*.test.ts"],
    setupFiles: ["test/isolated/isolate_all.ts"],
    testTimeout: 120_000,
    hookTimeout: 120_000,
    maxWorkers: 1,
  },
});
