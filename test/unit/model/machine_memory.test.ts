// How much memory is free, on systems that tell it and on those that do not.
import { totalmem } from "node:os";
import { afterEach, expect, test, vi } from "vitest";
import { machineMemory } from "../../../src/model/inspection/machine_memory.js";

afterEach(() => vi.restoreAllMocks());

function systemTells(available: number, constrained: number): void {
  vi.spyOn(process, "availableMemory").mockReturnValue(available);
  vi.spyOn(process, "constrainedMemory").mockReturnValue(constrained);
}

test.skipIf(process.platform === "darwin")("what the system calls available is", () => {
  systemTells(2 ** 20, 0);
  expect(machineMemory()).toEqual({ totalBytes: totalmem(), availableBytes: 2 ** 20 });
});

// Fear: on a system without /proc every model is refused.
test("where the system tells nothing, all of it may be free", () => {
  systemTells(0, 0);
  expect(machineMemory()).toEqual({ totalBytes: totalmem(), availableBytes: totalmem() });
});

test.skipIf(process.platform === "darwin")("a container that is full is full", () => {
  systemTells(0, 2 ** 20);
  expect(machineMemory()).toEqual({ totalBytes: 2 ** 20, availableBytes: 0 });
});
