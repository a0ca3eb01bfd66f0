// What differs between operating systems (folders of users, paths, files in use), tried for each of them on this one.
import { homedir } from "node:os";
import path from "node:path";
import { expect, onTestFinished, test, vi } from "vitest";
import { isBusy, whileBusy } from "../../../src/system/busy_file.js";
import { expandHome } from "../../../src/system/home_folder.js";
import { nativePath } from "../../../src/system/native_path.js";

test("~ is the home folder, before a backslash too where that separates folders", () => {
  for (const platform of ["linux", "darwin", "win32"] as const) {
    expect(expandHome("~", platform)).toBe(path.join(homedir(), ""));
    expect(expandHome("~/a.gguf", platform)).toBe(path.join(homedir(), "a.gguf"));
    expect(expandHome("~other/a.gguf", platform)).toBe("~other/a.gguf");
    expect(expandHome("a~/b", platform)).toBe("a~/b");
  }
  expect(expandHome("~\\a.gguf", "win32")).toBe(path.join(homedir(), "\\a.gguf"));
  expect(expandHome("~\\a.gguf", "linux")).toBe("~\\a.gguf");
});

test("C++ gets a long path on Windows in the form that has no limit, and every other as it is", () => {
  const name = `${"folder\\".repeat(40)}model.gguf`;
  expect(nativePath(`C:\\${name}`, "win32")).toBe(`\\\\?\\C:\\${name}`);
  expect(nativePath(`C:/${name}`, "win32")).toBe(`\\\\?\\C:\\${name}`);
  expect(nativePath(`\\\\server\\share\\${name}`, "win32")).toBe(`\\\\?\\UNC\\server\\share\\${name}`);
  expect(nativePath(`\\\\?\\C:\\${name}`, "win32")).toBe(`\\\\?\\C:\\${name}`);
  expect(nativePath("C:\\model.gguf", "win32")).toBe("C:\\model.gguf");
  expect(nativePath(`/${name}`, "linux")).toBe(`/${name}`);
});

const failure = (code: string) => Object.assign(new Error(code), { code });

test("what a busy file refuses on Windows is done again; elsewhere, and for another reason, it fails at once", async () => {
  const failing = (code: string, times: number) => {
    let calls = 0;
    return async () => {
      if (calls++ < times) throw failure(code);
      return calls;
    };
  };
  for (const code of ["EPERM", "EACCES", "EBUSY"]) {
    expect(await whileBusy(failing(code, 2), "win32")).toBe(3);
    await expect(whileBusy(failing(code, 1), "linux")).rejects.toThrow(code);
  }
  await expect(whileBusy(failing("ENOSPC", 1), "win32")).rejects.toThrow("ENOSPC");
  expect(isBusy(failure("ENOENT"), "win32")).toBe(false);
});

test("what stays refused is told in the end", async () => {
  vi.useFakeTimers();
  onTestFinished(() => void vi.useRealTimers());
  const refused = expect(whileBusy(() => Promise.reject(failure("EPERM")), "win32")).rejects.toThrow("EPERM");
  await vi.runAllTimersAsync();
  await refused;
});
