// Fear: something asked of a process that has just ended waits for ever.
import { expect, test } from "vitest";
import { HostProcess } from "../../src/engine/isolated/host_process.js";
import { IsolatedRun } from "../../src/engine/isolated/isolated_run.js";
import type { RunRequest } from "../../src/engine/engine.js";

const request = { prompt: [] } as unknown as RunRequest;
const newRun = (more: object = {}) =>
  new IsolatedRun(1, { ...request, ...more }, undefined, { cancel() {}, release() {}, read() {}, waits() {} });

test("a run or a call that is given to a process before, while and after it ends, ends with ENGINE_CRASHED", async () => {
  const host = new HostProcess();
  const asked = () => {
    const run = newRun();
    host.submit(1, run, run.request);
    return Promise.allSettled([run.next(), host.call({ engine: 1, method: "tokenize", args: [[]] }, {})]);
  };
  host.kill();
  const before = asked();
  const during = host.ended.then(asked);
  const failed = { status: "rejected", reason: expect.objectContaining({ code: "ENGINE_CRASHED" }) };
  expect(await Promise.all([before, during, host.ended.then(() => asked())])).toEqual(Array(3).fill([failed, failed]));
});

test("closing a process that answers nothing ends it when its time is over", async () => {
  const host = new HostProcess();
  await host.call({ method: "listGpus", args: [] }, {});
  process.kill(host.pid!, "SIGSTOP");
  await expect(host.close(1, 50)).rejects.toMatchObject({ code: "ENGINE_CRASHED" });
  expect(host.isGone).toBe(true);
});
