// The official JSON Schema Test Suite against the constraint: a command of its own, `npm run test:schemas`.
import { defineConfig } from "vitest/config";

export default defineConfig({ test: { pool: "forks", include: ["test/schemas/**/*.test.ts"], testTimeout: 600_000 } });
