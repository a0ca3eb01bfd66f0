// The fuzzer for some seconds, another seed each time; for minutes: npm run test:heavy -- hostile.
import { spawn } from "node:child_process";
import { text } from "node:stream/consumers";
import { expect, test } from "vitest";
import { patience } from "./patience.js";

const seconds = 6;

test.each(["requests", "schemas", "headers"])(
  "%s as strangers send them are answered or refused, and nothing else happens",
  async (kind) => {
    const seed = String(Date.now() % 2 ** 31);
    const fuzzer = spawn(process.execPath, ["test/fuzz/hostile_fuzz.mjs", kind, String(seconds), seed], {
      // A second is much; here other programs run as well.
      env: { ...process.env, CADUCEUS_HOSTILE_PATIENCE: String(4 * patience) },
      stdio: ["ignore", "pipe", "pipe"],
    });
    const [output, errors, code] = await Promise.all([
      text(fuzzer.stdout),
      text(fuzzer.stderr),
      new Promise((resolve) => fuzzer.once("close", resolve)),
    ]);
    // The input that failed, and the file that has the whole of it, are in there.
    expect(code, `node test/fuzz/hostile_fuzz.mjs ${kind} ${seconds} ${seed}\n${errors}`).toBe(0);
    const tried = Number(/^\d+/.exec(output)?.[0]);
    expect(tried, output).toBeGreaterThan(0);
  },
);
