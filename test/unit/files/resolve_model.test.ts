// From what somebody types to a model file: paths, addresses, aliases and mistakes, and where the cache folder is.
import { mkdir, mkdtemp, realpath, rm, writeFile } from "node:fs/promises";
import { homedir, tmpdir } from "node:os";
import path from "node:path";
import { afterEach, beforeEach, describe, expect, test, vi } from "vitest";
import { CaduceusError } from "../../../src/errors.js";
import { cacheFolder, readModelName, resolveModel } from "../../../src/files/index.js";

let folder: string;

beforeEach(async () => {
  folder = await realpath(await mkdtemp(path.join(tmpdir(), "caduceus-files-")));
  vi.stubEnv("CADUCEUS_CACHE", path.join(folder, "cache"));
  vi.stubEnv("HF_HUB_CACHE", path.join(folder, "hub"));
  vi.stubEnv("HF_HUB_OFFLINE", "1");
});

afterEach(async () => {
  vi.unstubAllEnvs();
  await rm(folder, { recursive: true, force: true });
});

async function failure(name: string, options = {}): Promise<CaduceusError> {
  const error = await resolveModel(name, options).then(
    () => undefined,
    (reason: unknown) => reason,
  );
  expect(error).toBeInstanceOf(CaduceusError);
  return error as CaduceusError;
}

describe("paths", () => {
  test("a file is found by its path and comes back absolute", async () => {
    const file = path.join(folder, "model.gguf");
    await writeFile(file, "x");
    expect(await resolveModel(path.relative(process.cwd(), file))).toEqual({ path: file });
  });

  test("an empty file and names with spaces and accents are files like others", async () => {
    const file = path.join(folder, "mon modèle.gguf");
    await writeFile(file, "");
    expect((await resolveModel(file)).path).toBe(file);
  });

  test("a missing file is MODEL_NOT_FOUND and named in full", async () => {
    const file = path.join(folder, "gone.gguf");
    expect(await failure(file)).toMatchObject({ code: "MODEL_NOT_FOUND", message: `There is no model file ${file}.` });
  });

  test("a path below a file is MODEL_NOT_FOUND", async () => {
    await writeFile(path.join(folder, "model.gguf"), "x");
    expect((await failure(path.join(folder, "model.gguf", "deeper"))).code).toBe("MODEL_NOT_FOUND");
  });

  test("any part of a split model gives its first, and a missing part is MODEL_INVALID and named", async () => {
    const parts = [1, 2, 3].map((n) => path.join(folder, `big.Q8_0-0000${n}-of-00003.gguf`));
    for (const part of parts) await writeFile(part, "x");
    expect(await resolveModel(parts[2]!)).toEqual({ path: parts[0] });
    await rm(parts[1]!);
    expect(await failure(parts[0]!)).toMatchObject({
      code: "MODEL_INVALID",
      message: `The model is split into 3 files, of which ${parts[1]} is missing.`,
    });
  });

  test("a folder is MODEL_INVALID and its models are named", async () => {
    await writeFile(path.join(folder, "a.gguf"), "x");
    const error = await failure(folder);
    expect(error.code).toBe("MODEL_INVALID");
    expect(error.message).toContain("a.gguf");
  });

  test.runIf(process.platform !== "win32")("a device is MODEL_INVALID", async () => {
    expect((await failure("/dev/null")).code).toBe("MODEL_INVALID");
  });

  test.each(["a\0b", "x".repeat(100_000)])("a path that no file can have is MODEL_NOT_FOUND (%#)", async (name) => {
    const error = await failure(name);
    expect(error.code).toBe("MODEL_NOT_FOUND");
    expect(error.message.length).toBeLessThan(500);
  });
});

describe("what newcomers try", () => {
  test("~/ is the home folder", async () => {
    vi.stubEnv("HOME", folder);
    vi.stubEnv("USERPROFILE", folder);
    await writeFile(path.join(folder, "model.gguf"), "x");
    expect(await resolveModel("~/model.gguf")).toEqual({ path: path.join(folder, "model.gguf") });
    expect((await failure("~/gone.gguf")).message).toBe(`There is no model file ${path.join(folder, "gone.gguf")}.`);
    expect((await failure("~gone.gguf")).message).toBe(`There is no model file ${path.resolve("~gone.gguf")}.`);
  });

  test.each([
    ["owner/repository", "hf:owner/repository"],
    ["bartowski/Hermes-3-Llama-3.2-3B-GGUF:q8_0", "hf:bartowski/Hermes-3-Llama-3.2-3B-GGUF:q8_0"],
    ["hf.co/owner/repository:Q4_K_M", "hf:owner/repository:Q4_K_M"],
    ["huggingface.co/owner/repository/model.gguf", "hf:owner/repository/model.gguf"],
  ])("%s asks nobody, since it may be a mistyped path, but says %s", async (name, expected) => {
    vi.stubEnv("HF_HUB_OFFLINE", "0");
    vi.stubEnv("HF_ENDPOINT", "http://127.0.0.1:9");
    expect(await failure(name)).toMatchObject({
      code: "MODEL_NOT_FOUND",
      message: `There is no model file ${path.resolve(name)}. If a model of the Hugging Face hub is meant: ${expected}.`,
    });
  });

  test.each(["models/model.gguf", "./owner/repository", "a/b/c", "models/deep/model.gguf"])(
    "%s is a path and nothing else",
    async (name) => {
      expect((await failure(name)).message).toBe(`There is no model file ${path.resolve(name)}.`);
    },
  );

  test.each([
    ["SmolLM2", "smollm2"],
    ["Hermes-2-Pro:Q5_K_M", "hermes-2-pro:q5_k_m"],
  ])("%s is told apart from %s by its case alone", async (name, meant) => {
    expect((await failure(name)).message).toBe(`There is no model file ${path.resolve(name)}. Did you mean ${meant}?`);
  });

  test.each([
    ["https://huggingface.co/owner/repository", { repository: "owner/repository" }],
    ["https://huggingface.co/owner/repository/", { repository: "owner/repository" }],
    ["https://hf.co/owner/repository/tree/main", { repository: "owner/repository" }],
    [
      "https://huggingface.co/owner/repository/blob/main/model.Q8_0.gguf",
      { repository: "owner/repository", file: "model.Q8_0.gguf" },
    ],
    [
      "https://huggingface.co/owner/repository/resolve/main/a%20folder/model.gguf?download=true",
      { repository: "owner/repository", file: "a folder/model.gguf" },
    ],
    ["https://huggingface.co/owner/repository?show_file_info=model.gguf", { repository: "owner/repository" }],
    ["hf://owner/repository/model.gguf", { repository: "owner/repository", file: "model.gguf" }],
  ])("%s is the model that the hub shows there", (name, expected) => {
    expect(readModelName(name)).toEqual({ kind: "hub", name, ...expected });
  });

  test.each([
    [
      "https://example.com/model.gguf",
      "Download the file and give its path; models of the Hugging Face hub need none: hf:owner/repository or hf:owner/repository/file.gguf.",
    ],
    ["https://huggingface.co.evil.example/owner/repository", "Download the file"],
    ["ftp://huggingface.co/owner/repository", "Download the file"],
    ["http://", "Download the file"],
    ["https://huggingface.co/", "It names no model of the Hugging Face hub"],
    ["https://huggingface.co/datasets/owner/data", "It names no model of the Hugging Face hub"],
    ["https://huggingface.co/owner/repository/resolve/v2/model.gguf", "Models come from the branch main alone"],
    ["file:///models/model.gguf", "Give its path: "],
  ])("%s is refused as an address, with what to do", async (name, remedy) => {
    const error = await failure(name);
    expect(error.code).toBe("INVALID_ARGUMENT");
    expect(
      error.message.startsWith(`Invalid value for model: the address ${name}. Expected a name or a path. ${remedy}`),
      error.message,
    ).toBe(true);
  });

  test("an address cannot lead out of the folder", async () => {
    for (const name of [
      "https://huggingface.co/owner/repository/resolve/main/..%2f..%2fx.gguf",
      "https://huggingface.co/..%2f../x",
      "hf://../..",
    ]) {
      expect((await failure(name)).code).toBe("INVALID_ARGUMENT");
    }
  });
});

describe("aliases", () => {
  test("an unknown name is MODEL_NOT_FOUND and the known ones are listed", async () => {
    const error = await failure("hermes-3");
    expect(error.code).toBe("MODEL_NOT_FOUND");
    expect(error.message).toContain("hermes-2-pro");
    expect(error.message).toContain("smollm2");
  });

  test.each(["__proto__", "constructor", "toString"])("%s is no alias", async (name) => {
    expect((await failure(name)).code).toBe("MODEL_NOT_FOUND");
  });

  test.each([
    ["hermes-2-pro", "Hermes-2-Pro-Mistral-7B.Q4_K_M.gguf"],
    ["hermes-2-pro:Q5_0", "Hermes-2-Pro-Mistral-7B.Q5_0.gguf"],
    ["hermes-2-pro:q8_0", "Hermes-2-Pro-Mistral-7B.Q8_0.gguf"],
  ])("%s is the file %s in the cache folder, where a person may put it", async (alias, fileName) => {
    const file = path.join(folder, "cache", "models", fileName);
    const error = await failure(alias);
    expect(error.code).toBe("MODEL_NOT_FOUND");
    expect(error.message).toContain(fileName);
    expect(error.message).toContain("NousResearch/Hermes-2-Pro-Mistral-7B-GGUF");
    expect(error.message).toContain(path.dirname(file));
    await mkdir(path.dirname(file), { recursive: true });
    await writeFile(file, "x");
    expect(await resolveModel(alias)).toEqual({ path: file, alias });
  });

  test.each(["hermes-2-pro:", "hermes-2-pro:Q9", "hermes-2-pro:../../x"])(
    "%s is refused and the quantizations are listed",
    async (alias) => {
      const error = await failure(alias);
      expect(error.code).toBe("MODEL_NOT_FOUND");
      expect(error.message).toContain("Q4_K_M");
    },
  );

  test("an aborted signal rejects with its own reason before anything is looked for", async () => {
    const reason = new Error("enough");
    await expect(resolveModel("smollm2", { signal: AbortSignal.abort(reason) })).rejects.toBe(reason);
  });
});

describe("the cache folder", () => {
  test("is where CADUCEUS_CACHE says, on every platform", () => {
    for (const platform of ["linux", "darwin", "win32"] as const) {
      expect(cacheFolder({ CADUCEUS_CACHE: folder, XDG_CACHE_HOME: "/x", LOCALAPPDATA: "/y" }, platform)).toBe(folder);
    }
  });

  test("follows each platform's convention, and empty variables count as unset", () => {
    const home = homedir();
    expect(cacheFolder({ CADUCEUS_CACHE: "", XDG_CACHE_HOME: "" }, "linux")).toBe(
      path.join(home, ".cache", "caduceus"),
    );
    expect(cacheFolder({ XDG_CACHE_HOME: path.resolve("/x") }, "linux")).toBe(
      path.join(path.resolve("/x"), "caduceus"),
    );
    expect(cacheFolder({ XDG_CACHE_HOME: "relative" }, "linux")).toBe(path.join(home, ".cache", "caduceus"));
    expect(cacheFolder({}, "darwin")).toBe(path.join(home, "Library", "Caches", "caduceus"));
    expect(cacheFolder({ LOCALAPPDATA: path.resolve("/y") }, "win32")).toBe(path.join(path.resolve("/y"), "caduceus"));
  });
});
