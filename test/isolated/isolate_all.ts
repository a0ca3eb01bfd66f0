// Set-up of a test file in which every model that is loaded is isolated.
import { vi } from "vitest";

vi.mock("../../src/model/loading/load_options.js", async (original) => {
  const actual = await original<typeof import("../../src/model/loading/load_options.js")>();
  return {
    ...actual,
    checkLoadOptions: (value: unknown) => ({ ...actual.checkLoadOptions(value), isolate: true }),
  };
});
