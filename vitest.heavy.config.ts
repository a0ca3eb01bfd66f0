// What takes minutes to an hour: `npm run test:heavy`, apart from `npm test`.
import { defineConfig } from "vitest/config";

export default defineConfig({
  test: {
    pool: "forks",
    include: ["test/heavy/**/*.test.ts"],
    testTimeout: 3_600_000,
    // They start servers and load models, too.
    hookTimeout: 3_600_000,
    maxWorkers: 1,
  },
});
