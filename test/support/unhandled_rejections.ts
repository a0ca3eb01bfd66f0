// Fails each test of a file in which a promise was rejected that nobody looked at: in a program that ends the process.
import { setTimeout as sleep } from "node:timers/promises";
import { afterEach, beforeEach, expect } from "vitest";

export function expectNoUnhandledRejections(): void {
  const rejections: unknown[] = [];
  const onRejection = (reason: unknown) => rejections.push(reason);
  beforeEach(() => void process.on("unhandledRejection", onRejection));
  afterEach(async () => {
    await sleep(2);
    process.off("unhandledRejection", onRejection);
    expect(rejections.splice(0)).toEqual([]);
  });
}
