// Rules that hold for every file of the native sources, so that a new one cannot forget them.
import { execFileSync } from "node:child_process";
import { readFileSync } from "node:fs";
import path from "node:path";
import { fileURLToPath } from "node:url";
import { expect, test } from "vitest";

const root = fileURLToPath(new URL("../../..", import.meta.url));
const sources = execFileSync("git", ["ls-files", "--cached", "--others", "--exclude-standard", "native"], {
  cwd: root,
  encoding: "utf8",
})
  .split("\n")
  .filter((file) => /^native\/(engine|binding|ggml|kernels)\/.*\.(cpp|h)$/.test(file))
  .map((file) => {
    const text = readFileSync(path.join(root, file), "utf8").replace(/\/\/.*$/gm, "");
    return { file, text };
  });

/** What is found outside of the files where it may be. */
function found(pattern: RegExp, { except = [], within = /./ }: { except?: string[]; within?: RegExp } = {}): string[] {
  expect(sources.filter(({ file }) => except.includes(file)).length, "files that are excepted").toBe(except.length);
  return sources.flatMap(({ file, text }) =>
    within.test(file) && !except.includes(file) ? (text.match(pattern) ?? []).map((what) => `${file}: ${what}`) : [],
  );
}

test("every function and method that JavaScript can call is made by `entry`, which lets no C++ exception through", () => {
  const within = /^native\/binding\//;
  expect(found(/\bFunction::New\b/g, { within, except: ["native/binding/guarded.h"] })).toEqual([]);
  expect(found(/\bInstanceMethod\b/g, { within, except: ["native/binding/engine_object.h"] })).toEqual([]);
  const other =
    /\b(Static(Method|Value|Accessor)|Instance(Value|Accessor)|PropertyDescriptor::\w+|napi_create_function)\b/g;
  expect(found(other, { within })).toEqual([]);
  const object = sources.find(({ file }) => file === "native/binding/engine_object.h")!.text;
  expect(object.match(/InstanceMethod.*/g)).toEqual(["InstanceMethod<&EngineObject::call<method>>(name);"]);
});

test("every promise is settled by `settle`, or when nobody waits any more", () => {
  const within = /^native\/binding\//;
  expect(found(/\bReject\(/g, { within, except: ["native/binding/guarded.h"] })).toEqual([]);
});

test("every thread is a LargeStackThread, which is joined and throws an EngineError where the system gives none", () => {
  // The kernels know nothing of the engine: they do without threads that there are not.
  const except = ["native/engine/platform/large_stack_thread.cpp", "native/kernels/packing.cpp"];
  expect(
    found(/\b(std::j?thread\b(?!::)|std::async|pthread_create|_beginthread\w*|CreateThread)/g, { except }),
  ).toEqual([]);
});

test("names become paths, and files are opened, in platform/files alone, which takes them as UTF-8 on Windows too", () => {
  const files = "native/engine/platform/files.cpp";
  expect(
    found(/\b(_?w?fopen|fdopen|freopen|_wopen|GetFileAttributes\w*|CreateFile\w*)\b|<fcntl\.h>/g, { except: [files] }),
  ).toEqual([]);
  // What Linux tells of itself has names of ASCII.
  expect(found(/\b[io]?fstream\b(?!>)/g, { except: ["native/engine/platform/machine.cpp"] })).toEqual([]);
  // These take and give the system's own encoding on Windows.
  expect(found(/\.(generic_)?string\(\)|\bu8path\b|\bggml_backend_load\w*/g)).toEqual([]);
  expect(found(/reinterpret_cast<const char8_t|\bu8string\(/g, { except: [files] })).toEqual([]);
  expect(found(/\b(fs|filesystem)::path\w* ?[({](?!\))/g, { except: ["native/engine/platform/devices.cpp"] })).toEqual(
    [],
  );
});

test("where Windows and macOS differ is in native/engine/platform alone", () => {
  const within = /^native\/(?!engine\/platform\/|binding\/windows\/)/;
  expect(found(/\b_WIN32\b|\b__APPLE__\b|<(windows|unistd|process|pthread|dlfcn|mach\/.*)\.h>/g, { within })).toEqual([
    "native/engine/model/weight_reading.cpp: <unistd.h>",
  ]);
});
