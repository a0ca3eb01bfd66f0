// Which of many GGUF files are one model, by their names alone: quantizations, and models split into several files.
import { defaultQuantization } from "./aliases.js";

/** One file of a repository or folder, by its path with `/` in it. */
export interface ListedFile {
  readonly path: string;
  readonly size: number;
}

export interface ListedModel<File extends ListedFile = ListedFile> {
  /** In capitals; undefined where the name tells none. */
  readonly quantization: string | undefined;
  /** One, or all parts of a split model in their order. */
  readonly files: readonly [File, ...File[]];
}

const quantization =
  /(?<![A-Za-z0-9])((?:UD-)?(?:IQ[1-4]_(?:XXS|XS|S|M|NL|XL)|Q[1-8]_(?:K(?:_(?:XXL|XL|L|M|S|P))?|[01](?:_\d_\d)?)|TQ[12]_0|MXFP4(?:_MOE)?|BF16|FP?16|FP?32))(?![A-Za-z0-9])/gi;
const split = /^(.*)-(\d{5})-of-(\d{5})\.gguf$/i;

/** `"Q4_K_M"` of `"model.q4_k_m.gguf"`; the last one where a path names several. */
export function quantizationOf(file: string): string | undefined {
  return [...file.matchAll(quantization)]
    .at(-1)?.[1]
    ?.toUpperCase()
    .replace(/^FP(?=\d)/, "F");
}

/** Prefix, number and count of a part: `model-00002-of-00003.gguf`. */
export function readSplit(
  file: string,
): { readonly prefix: string; readonly part: number; readonly parts: number } | undefined {
  const match = split.exec(file);
  if (match === null) return undefined;
  const [part, parts] = [Number(match[2]), Number(match[3])];
  return part >= 1 && part <= parts ? { prefix: match[1] as string, part, parts } : undefined;
}

export function splitName(prefix: string, part: number, parts: number): string {
  return `${prefix}-${String(part).padStart(5, "0")}-of-${String(parts).padStart(5, "0")}.gguf`;
}

/** Split models of which a part is missing are left out, and so are files that are no language model by themselves. */
export function groupModels<File extends ListedFile>(files: readonly File[]): ListedModel<File>[] {
  const models: ListedModel<File>[] = [];
  const byPath = new Map(files.map((file) => [file.path, file]));
  for (const file of files) {
    const base = file.path.slice(file.path.lastIndexOf("/") + 1);
    if (!/\.gguf$/i.test(base) || /mmproj|imatrix/i.test(base)) continue;
    const found = readSplit(file.path);
    if (found === undefined) {
      models.push({ quantization: quantizationOf(file.path), files: [file] });
    } else if (found.part === 1) {
      const parts = Array.from({ length: found.parts - 1 }, (_, n) =>
        byPath.get(splitName(found.prefix, n + 2, found.parts)),
      );
      if (parts.every((part) => part !== undefined))
        models.push({ quantization: quantizationOf(file.path), files: [file, ...(parts as File[])] });
    }
  }
  return models;
}

/** Tried in turn where nobody asked for one. */
const preferred = [
  defaultQuantization,
  "Q4_K_S",
  "Q4_0",
  "IQ4_NL",
  "IQ4_XS",
  "Q5_K_M",
  "Q5_K_S",
  "Q6_K",
  "Q8_0",
  "F16",
  "BF16",
];

/** One model, or what hinders the choice as the end of a sentence. */
export function chooseModel<File extends ListedFile>(
  models: readonly ListedModel<File>[],
  { quantization: wanted, file }: { readonly quantization?: string | undefined; readonly file?: string | undefined },
): ListedModel<File> | string {
  if (file !== undefined) {
    return (
      models.find(({ files }) => files.some(({ path }) => path === file)) ??
      `has no complete model ${file}; it has ${nameAll(models)}`
    );
  }
  if (models.length === 0) return "has no GGUF models";
  if (wanted === undefined) {
    const [only, second] = models;
    if (second === undefined && only !== undefined) return only;
  }
  const label = wanted ?? preferred.find((known) => models.some((model) => model.quantization === known));
  const [match, other] = models.filter((model) => model.quantization === label);
  if (label === undefined || match === undefined)
    return label === undefined
      ? `has several models, so one must be named: ${nameAll(models)}`
      : `has no quantization ${label}; it has ${nameAll(models)}`;
  if (other !== undefined)
    return `has several models of ${label}; name one of the files ${models
      .filter((model) => model.quantization === label)
      .map(({ files }) => files[0].path)
      .slice(0, 10)
      .join(", ")}`;
  return match;
}

function nameAll(models: readonly ListedModel[]): string {
  const names = models.map((model) => model.quantization ?? model.files[0].path);
  return names.length === 0
    ? "no GGUF models"
    : `${[...new Set(names)].slice(0, 40).join(", ")}${names.length > 40 ? " and more" : ""}`;
}
