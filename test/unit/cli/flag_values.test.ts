// How people write durations and sizes.
import { expect, test } from "vitest";
import { readBytes, readKeepAlive } from "../../../src/cli/flag_values.js";

test.each<[string, number | false]>([
  ["300", 300_000],
  ["0", 0],
  ["1.5", 1_500],
  ["5m", 300_000],
  ["1h30m", 5_400_000],
  ["250ms", 250],
  [" 2s ", 2_000],
  ["-1", false],
  ["-5m", false],
])("--keep-alive %s is %s ms", (text, milliseconds) => {
  expect(readKeepAlive(text)).toBe(milliseconds);
});

test.each(["", "m", "5 m", "five", "1e3", "5m3", "--1", "999h", "NaN", "Infinity"])(
  "--keep-alive %j is none",
  (text) => {
    expect(() => readKeepAlive(text)).toThrow("Expected seconds");
  },
);

test.each<[string, number]>([
  ["1048576", 2 ** 20],
  ["24G", 24 * 2 ** 30],
  ["24GiB", 24 * 2 ** 30],
  ["1.5 g", 1.5 * 2 ** 30],
  ["512MB", 512 * 2 ** 20],
])("--max-memory %s is %i bytes", (text, bytes) => {
  expect(readBytes(text)).toBe(bytes);
});

test.each(["", "0", "-1", "G", "24X", "1e9", "99999999T"])("--max-memory %j is none", (text) => {
  expect(() => readBytes(text)).toThrow("Expected a number of bytes");
});
