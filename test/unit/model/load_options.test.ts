// Every option of load, with every kind of wrong value.
import { availableParallelism } from "node:os";
import path from "node:path";
import { expect, test } from "vitest";
import { checkModelName } from "../../../src/options/option_checks.js";
import { checkLoadOptions } from "../../../src/model/loading/load_options.js";
import { cacheFolder } from "../../../src/files/index.js";
import { nearestName } from "../../../src/options/option_checks.js";

const wrongNumbers = [
  "5",
  Number.NaN,
  -1,
  1.5,
  Infinity,
  -Infinity,
  2 ** 53,
  null,
  true,
  {},
  [],
  5n,
  () => 5,
  Symbol("x"),
];

test.each(["contextSize", "cacheTokens", "threads", "gpuLayers", "prefixFolderBytes"])(
  "%s refuses everything but whole numbers in its range",
  (name) => {
    for (const value of wrongNumbers) {
      expect(() => checkLoadOptions({ [name]: value })).toThrow(
        expect.objectContaining({
          code: "INVALID_ARGUMENT",
          message: expect.stringMatching(
            new RegExp(`^Invalid value for ${name}: .+\\. Expected a whole number of at (least|most) \\d+\\.$`),
          ),
        }),
      );
    }
  },
);

test.each([
  [{ contextSize: 7 }, "Invalid value for contextSize: 7. Expected a whole number of at least 8."],
  [{ cacheTokens: 63 }, "Invalid value for cacheTokens: 63. Expected a whole number of at least 64."],
  [
    { contextSize: 4096, cacheTokens: 4095 },
    "Invalid value for cacheTokens: 4095. Expected at least 4096, the length of one context.",
  ],
  [{ threads: 0 }, "Invalid value for threads: 0. Expected a whole number of at least 1."],
  [
    { threads: 100_000 },
    `Invalid value for threads: 100000. Expected a whole number of at most ${availableParallelism()}.`,
  ],
  [{ hostCacheBytes: -1 }, "Invalid value for hostCacheBytes: -1. Expected a whole number of at least 0."],
  [{ hostCacheBytes: 1.5 }, "Invalid value for hostCacheBytes: 1.5. Expected a whole number of at least 0."],
  [{ promptLookup: 1 }, "Invalid value for promptLookup: 1. Expected true or false."],
  [{ draftModel: "" }, 'Invalid value for draftModel: "". Expected the name of a model or a path to a GGUF file.'],
  [{ prefixFolder: true }, "Invalid value for prefixFolder: true. Expected the path of a folder or false."],
  [{ prefixFolder: null }, "Invalid value for prefixFolder: null. Expected the path of a folder or false."],
  [{ prefixFolder: " " }, 'Invalid value for prefixFolder: " ". Expected the path of a folder or false.'],
  [{ prefixFolder: "a\0b" }, 'Invalid value for prefixFolder: "a\\u0000b". Expected the path of a folder or false.'],
  [
    { prefixFolder: "a\ud800" },
    "Invalid value for prefixFolder: a lone surrogate at index 1. Expected well-formed text.",
  ],
  [{ prefixFolderBytes: 0 }, "Invalid value for prefixFolderBytes: 0. Expected a whole number of at least 1."],
  [{ chatTemplate: " " }, 'Invalid value for chatTemplate: " ". Expected the text of a template.'],
  [{ chatTemplate: 5 }, "Invalid value for chatTemplate: 5. Expected text."],
  [
    { chatTemplate: "{{ messages }}", format: "hermes" },
    'chatTemplate cannot be combined with format "hermes". Give one of them.',
  ],
  [{ kvType: "q4_0" }, 'Invalid value for kvType: "q4_0". Expected "f16" or "q8_0".'],
  [{ onProgress: 5 }, "Invalid value for onProgress: 5. Expected a function."],
  [{ signal: "x" }, 'Invalid value for signal: "x". Expected an AbortSignal.'],
  [
    { signal: new AbortController() },
    "Invalid value for signal: an object of class AbortController. Expected an AbortSignal.",
  ],
  [{ contextsize: 5 }, 'Unknown option of load: "contextsize". Did you mean contextSize?'],
  [{ n_threads: 5 }, "Did you mean threads?"],
  [
    { banana: 5 },
    "Known are contextSize, cacheTokens, kvType, threads, gpuLayers, hostCacheBytes, promptLookup, draftModel, adapters, prefixFolder, prefixFolderBytes, format, chatTemplate, promptVariant, isolate, onProgress, signal.",
  ],
  [5, "Invalid value for the options of load: 5. Expected an object."],
  [null, "Invalid value for the options of load: null. Expected an object."],
  [
    new AbortController().signal,
    "Invalid value for the options of load: an object of class AbortSignal. Expected an object.",
  ],
  [[], "Invalid value for the options of load: an array of 0 entries. Expected an object."],
])("%o is refused: %s", (options, message) => {
  expect(() => checkLoadOptions(options)).toThrow(
    expect.objectContaining({ code: "INVALID_ARGUMENT", message: expect.stringContaining(message) }),
  );
});

test("absent and undefined options take their defaults", () => {
  const expected = {
    engine: {
      contextSize: undefined,
      cacheTokens: undefined,
      kvType: "f16",
      threads: undefined,
      gpuLayers: "auto",
      hostCacheBytes: undefined,
      promptLookup: undefined,
      prefixFolder: path.join(cacheFolder(), "prefixes"),
      prefixFolderBytes: 4 * 1024 ** 3,
    },
    draftModel: undefined,
    adapters: [],
    format: { format: "auto", variant: undefined },
    isolate: false,
    onProgress: undefined,
    signal: undefined,
  };
  expect(checkLoadOptions(undefined)).toEqual(expected);
  expect(checkLoadOptions({ contextSize: undefined, kvType: undefined, signal: undefined })).toEqual(expected);
});

test("the folder of prefixes is absolute whatever the working folder becomes, and false turns it off", () => {
  expect(checkLoadOptions({ prefixFolder: "here" }).engine.prefixFolder).toBe(path.resolve("here"));
  expect(checkLoadOptions({ prefixFolder: false }).engine.prefixFolder).toBeUndefined();
  expect(checkLoadOptions({ hostCacheBytes: 0, prefixFolderBytes: 2 ** 40 }).engine).toMatchObject({
    hostCacheBytes: 0,
    prefixFolderBytes: 2 ** 40,
  });
  expect(checkLoadOptions({ promptLookup: false }).engine.promptLookup).toBe(false);
  expect(checkLoadOptions({ gpuLayers: 0 }).engine.gpuLayers).toBe(0);
  expect(checkLoadOptions({ gpuLayers: "auto" }).engine.gpuLayers).toBe("auto");
});

test("the folder of prefixes follows CADUCEUS_CACHE", () => {
  const before = process.env["CADUCEUS_CACHE"];
  process.env["CADUCEUS_CACHE"] = path.resolve("elsewhere");
  try {
    expect(checkLoadOptions({}).engine.prefixFolder).toBe(path.resolve("elsewhere", "prefixes"));
  } finally {
    if (before === undefined) delete process.env["CADUCEUS_CACHE"];
    else process.env["CADUCEUS_CACHE"] = before;
  }
});

test.each([undefined, null, 5, "", "  ", {}, "a\0b", "a\ud800"])(
  "load(%o) is refused before anything is looked for",
  (model) => {
    expect(() => checkModelName(model)).toThrow(expect.objectContaining({ code: "INVALID_ARGUMENT" }));
  },
);

test.each([
  ["max_tokens", "maxTokens"],
  ["maxtokens", "maxTokens"],
  ["temp", "temperature"],
  ["temprature", "temperature"],
  ["top_p", "topP"],
  ["sead", "seed"],
  ["zzz", undefined],
  ["__proto__", undefined],
  ["", undefined],
])("%s is taken to mean %s", (written, meant) => {
  expect(nearestName(written, ["temperature", "topP", "topK", "minP", "seed", "maxTokens", "stop"])).toBe(meant);
});
