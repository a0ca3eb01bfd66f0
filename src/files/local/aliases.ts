// What a model may be called, and which files such a name stands for.
import { CaduceusError, describe, invalidArgument, invalidValue } from "../../errors.js";
import { isAddress, nameOfAddress } from "../hub/model_address.js";

/** A model of the Hugging Face hub: a repository, and which of its files. */
export interface HubName {
  readonly kind: "hub";
  /** As it was written. */
  readonly name: string;
  /** `owner/name`. */
  readonly repository: string;
  /** In capitals, as file names have it. Undefined where a file is named, or none was asked for. */
  readonly quantization?: string;
  /** Path inside the repository. */
  readonly file?: string;
  /** What the file is called when a person puts it into the model folder: only aliases know. */
  readonly ownFile?: string;
}

export type ModelName = HubName | { readonly kind: "default" } | { readonly kind: "path" };

const hermes = {
  repository: "NousResearch/Hermes-2-Pro-Mistral-7B-GGUF",
  quantizations: [
    "Q2_K",
    "Q3_K_S",
    "Q3_K_M",
    "Q3_K_L",
    "Q4_0",
    "Q4_K_S",
    "Q4_K_M",
    "Q5_0",
    "Q5_K_S",
    "Q5_K_M",
    "Q6_K",
    "Q8_0",
  ],
  fileName: (quantization: string) => `Hermes-2-Pro-Mistral-7B.${quantization}.gguf`,
};

export const defaultQuantization = "Q4_K_M";

/** Every alias, as it may be shown to a user. */
export const aliasNames = ["smollm2", "hermes-2-pro", "hermes-2-pro:<quantization>"] as const;

/**
 * Reads `smollm2`, `hermes-2-pro`, `hermes-2-pro:Q5_K_M`, `hf:owner/repository`, `hf:owner/repository:Q5_K_M` and
 * `hf:owner/repository/file.gguf`, and the last ones as addresses of the hub; anything else is a path. Quantizations
 * may be written in any case.
 * @throws CaduceusError MODEL_NOT_FOUND (a quantization that Hermes is not published in), INVALID_ARGUMENT (a malformed
 * `hf:` name, another address)
 */
export function readModelName(name: string): ModelName {
  if (name === "smollm2") return { kind: "default" };
  const alias = /^hermes-2-pro(?::(.*))?$/.exec(name);
  if (alias !== null) return readHermes(name, alias[1]);
  if (isAddress(name)) return readHubName(nameOfAddress(name), name);
  return name.startsWith("hf:") ? readHubName(name) : { kind: "path" };
}

function readHermes(name: string, wanted = defaultQuantization): HubName {
  const quantization = wanted.toUpperCase();
  if (!hermes.quantizations.includes(quantization)) {
    throw new CaduceusError(
      "MODEL_NOT_FOUND",
      invalidValue({
        expected: `hermes-2-pro with one of ${hermes.quantizations.join(", ")}`,
        place: "model",
        received: describe(name),
      }),
    );
  }
  const file = hermes.fileName(quantization);
  return { kind: "hub", name, repository: hermes.repository, quantization, file, ownFile: file };
}

function readHubName(name: string, written = name): HubName {
  const match = /^hf:([^/:]+\/[^/:]+)(?::([^/:]+)|\/(.+\.gguf))?$/i.exec(name);
  const [, repository, quantization, file] = match ?? [];
  if (repository === undefined || !isRepository(repository) || (file !== undefined && !isSafePath(file))) {
    throw invalidArgument(
      "hf:owner/repository, hf:owner/repository:quantization or hf:owner/repository/file.gguf",
      "model",
      written,
    );
  }
  return {
    kind: "hub",
    name: written,
    repository,
    ...(quantization === undefined ? {} : { quantization: quantization.toUpperCase() }),
    ...(file === undefined ? {} : { file }),
  };
}

/** The name a model of a repository can be loaded by; an alias where there is one. */
export function nameOf(
  repository: string,
  { quantization, file }: { readonly quantization?: string | undefined; readonly file: string },
): string {
  if (repository === hermes.repository && quantization !== undefined && file === hermes.fileName(quantization))
    return `hermes-2-pro:${quantization}`;
  return `hf:${repository}${quantization === undefined ? `/${file}` : `:${quantization}`}`;
}

/** The alias of a file that lies in the model folder under its published name. */
export function aliasOfFile(fileName: string): string | undefined {
  const quantization = hermes.quantizations.find((known) => hermes.fileName(known) === fileName);
  return quantization === undefined ? undefined : `hermes-2-pro:${quantization}`;
}

/** As the hub allows them, so that one is a folder's name everywhere: `--` separates owner and name there. */
export function isRepository(text: string): boolean {
  return /^[A-Za-z0-9][\w.-]{0,95}\/[A-Za-z0-9_][\w.-]{0,95}$/.test(text) && !/--|\.\.|[.-](\/|$)/.test(text);
}

/** A relative path that stays below the folder it is put into, on every platform. */
export function isSafePath(text: string): boolean {
  return (
    text.length < 500 &&
    !/[\\:*?"<>|\u0000-\u001f]/.test(text) &&
    text.split("/").every((part) => part !== "" && !part.endsWith(".") && !/^\.\.?$/.test(part))
  );
}
