// `quantizeModel`: a model's file in a smaller type.
import { randomBytes } from "node:crypto";
import { link, rm, stat } from "node:fs/promises";
import { availableParallelism } from "node:os";
import path from "node:path";
import { CaduceusError, describe, invalidArgument, mismatch, withSystemErrors } from "../../errors.js";
import { followSignal } from "../../follow_signal.js";
import type { FetchProgress } from "../../files/hub/download_events.js";
import { checkDiskSpace } from "../../files/local/disk_space.js";
import { filesOf, resolveModel } from "../../files/local/resolve_model.js";
import { replaceFile } from "../../system/busy_file.js";
import {
  checkBoolean,
  checkFunction,
  checkModelName,
  checkOptions,
  checkSignal,
  checkText,
  checkWholeNumber,
} from "../../options/option_checks.js";
import type { NativeQuantizationPlan } from "../../engine/addon/native.js";
import {
  fileTypeOf,
  quantizationTypes,
  readQuantizationType,
  readTensorType,
  tensorTypeNames,
  type QuantizationType,
  type TensorType,
} from "./quantization_types.js";

/** How far quantizing has come. */
export interface QuantizeProgress {
  /** `fetch`: the model comes from where it is published. `quantize`: the new file is written. */
  readonly stage: "fetch" | "quantize";
  /** From 0 to 1 within the stage. */
  readonly fraction: number;
  /** Of the fetched model, or written to the new file. */
  readonly receivedBytes?: number;
  readonly totalBytes?: number;
}

/** How a model is quantized. */
export interface QuantizeOptions {
  /** The new type, such as `"Q4_K_M"`; `"COPY"` keeps all types and joins the parts of a split model. */
  readonly type: QuantizationType;
  /** Quantizes what is quantized already, which loses more than quantizing the original. Defaults to false. */
  readonly allowRequantize?: boolean | undefined;
  /**
   * Path of an importance matrix, as llama.cpp's llama-imatrix writes it (GGUF): the type's steps are then chosen for
   * the inputs that are used most. The smallest types need one.
   */
  readonly importanceMatrix?: string | undefined;
  /** Type of the output layer. Defaults to llama.cpp's choice. Of tied embeddings, which are both, too. */
  readonly outputTensorType?: TensorType | undefined;
  /** Type of the token embeddings. Defaults to llama.cpp's choice. */
  readonly tokenEmbeddingType?: TensorType | undefined;
  /** Keeps the output layer (`output.weight`) as it is. Defaults to false. */
  readonly leaveOutputTensor?: boolean | undefined;
  /** Replaces a file that is there. Defaults to false. */
  readonly force?: boolean | undefined;
  /** Number of threads. Whole number from 1 to the processors available to this process, which is the default. */
  readonly threads?: number | undefined;
  /** Called with the progress. If it throws, quantizing ends with that error. */
  readonly onProgress?: ((progress: QuantizeProgress) => void) | undefined;
  /** Ends it; nothing is left then, and the signal's reason is thrown. */
  readonly signal?: AbortSignal | undefined;
}

/** A file that was quantized. */
export interface QuantizedModel {
  readonly path: string;
  readonly sizeBytes: number;
  readonly type: QuantizationType;
}

const names = [
  ...(["type", "allowRequantize", "importanceMatrix", "outputTensorType", "tokenEmbeddingType"] as const),
  ...(["leaveOutputTensor", "force", "threads", "onProgress", "signal"] as const),
] as const;
const lookEveryMs = 200;

/**
 * Writes a model to a new file with its weights in another type, by llama.cpp's own quantization: byte for byte what
 * llama-quantize writes. `model` is a name or a path as `load` takes it, `to` a path. The new file is there whole, or
 * not at all.
 *
 * @throws CaduceusError `INVALID_ARGUMENT`, `UNSUPPORTED` (quantized already, or the type needs an importance matrix,
 * or other values than the given one has),
 * `MODEL_NOT_FOUND`, `MODEL_INVALID`, `DISK_FULL`, `ENGINE_FAILED`, `SYSTEM_ERROR`, those of a download; the signal's
 * own reason
 */
export async function quantizeModel(model: string, to: string, options: QuantizeOptions): Promise<QuantizedModel> {
  const name = checkModelName(model);
  const target = checkTarget(to);
  const given = checkOptions(options, "quantizeModel", names);
  const type = checkType(given["type"]);
  const settings = {
    type,
    allowRequantize: checkBoolean(given["allowRequantize"], "allowRequantize") ?? false,
    importanceMatrix: checkMatrixPath(given["importanceMatrix"]),
    outputTensorType: checkTensorType(given["outputTensorType"], "outputTensorType"),
    tokenEmbeddingType: checkTensorType(given["tokenEmbeddingType"], "tokenEmbeddingType"),
    leaveOutputTensor: checkBoolean(given["leaveOutputTensor"], "leaveOutputTensor") ?? false,
    force: checkBoolean(given["force"], "force") ?? false,
    threads: checkWholeNumber(given["threads"], "threads", 1, availableParallelism()) ?? availableParallelism(),
  };
  refuseForCopy(settings);
  const onProgress = checkFunction(given["onProgress"], "onProgress") as QuantizeOptions["onProgress"];
  const signal = checkSignal(given["signal"]);
  signal?.throwIfAborted();
  // One signal for both ways of ending: the caller's own, and a progress function that throws.
  const ending = new AbortController();
  const unfollow = followSignal(signal, (reason) => ending.abort(reason));
  const report = (progress: QuantizeProgress) => {
    try {
      if (!ending.signal.aborted) onProgress?.(progress);
    } catch (error) {
      ending.abort(error);
    }
  };
  return withSystemErrors("The model cannot be quantized", async () => {
    await checkFolder(target, settings.force);
    await checkMatrixFile(settings.importanceMatrix);
    const { path: source } = await resolveModel(name, {
      signal: ending.signal,
      onProgress: (progress: FetchProgress) => report({ stage: "fetch", ...progress }),
    });
    await refuseSame(source, target);
    return write(source, target, { ...settings, report, signal: ending.signal });
  }).finally(unfollow);
}

interface Settings {
  readonly type: QuantizationType;
  readonly allowRequantize: boolean;
  readonly importanceMatrix: string | undefined;
  readonly outputTensorType: TensorType | undefined;
  readonly tokenEmbeddingType: TensorType | undefined;
  readonly leaveOutputTensor: boolean;
  readonly force: boolean;
  readonly threads: number;
}

async function write(
  from: string,
  target: string,
  {
    report,
    signal,
    ...settings
  }: Settings & { readonly report: (progress: QuantizeProgress) => void; readonly signal: AbortSignal },
): Promise<QuantizedModel> {
  const { type, force } = settings;
  const part = `${target}.${randomBytes(4).toString("hex")}.part`;
  let totalBytes = 0;
  const look = async () => {
    const written = (await stat(part).catch(() => undefined))?.size ?? 0;
    if (timer === undefined) return;
    report({
      stage: "quantize",
      fraction: Math.min(written / totalBytes, 1),
      receivedBytes: Math.min(written, totalBytes),
      totalBytes,
    });
  };
  let timer: NodeJS.Timeout | undefined;
  try {
    const { quantizeFile } = await import("../../engine/addon/quantize/quantize_file.js");
    await quantizeFile(
      {
        from,
        to: part,
        fileType: fileTypeOf(type),
        threads: settings.threads,
        onlyCopy: type === "COPY",
        allowRequantize: settings.allowRequantize,
        importanceMatrix: settings.importanceMatrix ?? "",
        outputTensorType: settings.outputTensorType ?? "",
        tokenEmbeddingType: settings.tokenEmbeddingType ?? "",
        leaveOutputTensor: settings.leaveOutputTensor,
      },
      async (plan) => {
        refusePlan(from, plan, settings);
        await checkDiskSpace(path.dirname(target), plan.bytes, `${path.basename(target)} as ${type}`, makeRoom);
        totalBytes = plan.bytes;
        timer = setInterval(() => void look(), lookEveryMs);
      },
      signal,
    );
    signal.throwIfAborted();
    timer = void clearInterval(timer);
    const { size } = await stat(part);
    report({ stage: "quantize", fraction: 1, receivedBytes: size, totalBytes: size });
    signal.throwIfAborted();
    await moveTo(part, target, force);
    return { path: target, sizeBytes: size, type };
  } catch (error) {
    signal.throwIfAborted();
    // A full disk is nothing that llama.cpp can tell.
    if (totalBytes > 0) await checkDiskSpace(path.dirname(target), 0, path.basename(target), makeRoom);
    throw error;
  } finally {
    clearInterval(timer);
    await rm(part, { force: true });
  }
}

/** What llama.cpp would refuse on the way, or do wrong. */
function refusePlan(
  from: string,
  { needsImportanceMatrix, requantized, wrongMatrix, wrongType }: NativeQuantizationPlan,
  { type, allowRequantize, importanceMatrix }: Settings,
): void {
  if (requantized.length > 0 && !allowRequantize)
    throw new CaduceusError("UNSUPPORTED", `${from} is quantized already (${requantized.join(", ")}).`, {
      param: "allowRequantize",
      remedy:
        "Quantize the original in F16, BF16 or F32, or allow it (allowRequantize, --allow-requantize), which loses quality twice.",
    });
  if (needsImportanceMatrix)
    throw new CaduceusError("UNSUPPORTED", `${type} needs an importance matrix.`, {
      param: "type",
      remedy: "Give one (importanceMatrix, --imatrix), or take Q2_K, Q3_K_M or a larger type.",
    });
  if (wrongMatrix !== "")
    throw new CaduceusError("UNSUPPORTED", `${importanceMatrix} ${wrongMatrix}.`, {
      param: "importanceMatrix",
      remedy: "Make one of this model with llama-imatrix.",
    });
  if (wrongType !== "") throw new CaduceusError("UNSUPPORTED", `The weights do not fit their type: ${wrongType}.`);
}

const makeRoom = "Remove files there, or write to another disk.";

/** Linking, unlike renaming, replaces nothing. */
async function moveTo(part: string, target: string, force: boolean): Promise<void> {
  if (force) return replaceFile(part, target);
  try {
    await link(part, target);
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    if (code === "EEXIST") throw isThere(target);
    // File systems without links.
    await refuseExisting(target);
    await replaceFile(part, target);
  }
}

function checkTarget(value: unknown): string {
  if (typeof value !== "string" || value.trim() === "" || value.includes("\0"))
    throw invalidArgument("the path of the new file", "to", value);
  return path.resolve(checkText(value, "to"));
}

function checkType(value: unknown): QuantizationType {
  const type = typeof value === "string" ? readQuantizationType(value) : undefined;
  if (type !== undefined) return type;
  throw invalidArgument(`one of ${quantizationTypes.join(", ")}`, "type", value);
}

function checkTensorType(value: unknown, option: string): TensorType | undefined {
  if (value === undefined) return undefined;
  const type = typeof value === "string" ? readTensorType(value) : undefined;
  if (type !== undefined) return type;
  throw invalidArgument(`one of ${tensorTypeNames.join(", ")}`, option, value);
}

function checkMatrixPath(value: unknown): string | undefined {
  if (value === undefined) return undefined;
  if (typeof value !== "string" || value.trim() === "" || value.includes("\0"))
    throw invalidArgument("the path of an importance matrix", "importanceMatrix", value);
  return checkText(value, "importanceMatrix");
}

async function checkMatrixFile(file: string | undefined): Promise<void> {
  if (file === undefined) return;
  const there = await stat(file).catch(() => undefined);
  if (there?.isFile()) return;
  throw mismatch("INVALID_ARGUMENT", {
    expected: "the path of a file",
    place: "importanceMatrix",
    received: `${describe(file)}, ${there === undefined ? "where there is nothing" : "which is no regular file"}`,
  });
}

/** Copying changes no weights. */
function refuseForCopy({ type, importanceMatrix, outputTensorType, tokenEmbeddingType }: Settings): void {
  if (type !== "COPY") return;
  for (const [option, value] of Object.entries({ importanceMatrix, outputTensorType, tokenEmbeddingType })) {
    if (value !== undefined)
      throw new CaduceusError("INVALID_ARGUMENT", `The type COPY keeps all weights, so ${option} has no effect.`, {
        param: option,
        remedy: "Leave it out, or name another type.",
      });
  }
}

async function checkFolder(target: string, force: boolean): Promise<void> {
  const folder = await stat(path.dirname(target)).catch(() => undefined);
  if (!folder?.isDirectory())
    throw mismatch("INVALID_ARGUMENT", {
      expected: "a path in a folder that exists",
      place: "to",
      received: describe(target),
    });
  const there = await stat(target).catch(() => undefined);
  if (there !== undefined && !there.isFile())
    throw mismatch("INVALID_ARGUMENT", {
      expected: "the path of a file",
      place: "to",
      received: `${target}, which is ${there.isDirectory() ? "a folder" : "no regular file"}`,
    });
  if (!force) await refuseExisting(target);
}

async function refuseExisting(target: string): Promise<void> {
  if ((await stat(target).catch(() => undefined)) !== undefined) throw isThere(target);
}

const isThere = (target: string) =>
  new CaduceusError("INVALID_ARGUMENT", `There is a file ${target} already.`, {
    param: "to",
    remedy: "Set force to replace it.",
  });

async function refuseSame(source: string, target: string): Promise<void> {
  for (const file of await filesOf(source)) {
    const [one, other] = await Promise.all([stat(file), stat(target).catch(() => undefined)]);
    if (other !== undefined && one.ino === other.ino && one.dev === other.dev)
      throw new CaduceusError("INVALID_ARGUMENT", `${target} is the model that is to be quantized.`, {
        param: "to",
        remedy: "Give the new file another name.",
      });
  }
}
