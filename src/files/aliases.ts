// Short names of models, and the files they stand for.

/** Quantisations that Hermes 2 Pro is published in. */
const hermesQuantisations = ["Q2_K", "Q3_K_S", "Q3_K_M", "Q3_K_L", "Q4_0", "Q4_K_S", "Q4_K_M", "Q5_0", "Q5_K_S", "Q5_K_M", "Q6_K", "Q8_0"] as const;

export interface HubFile {
  readonly alias: string;
  readonly fileName: string;
  /** Owner and name on the Hugging Face hub. */
  readonly repository: string;
}

/** Every alias, as it may be shown to a user. */
export const aliasNames = ["smollm2", "hermes-2-pro", "hermes-2-pro:<quantisation>"] as const;

export type Alias =
  | { readonly kind: "embedded" }
  | { readonly kind: "hub"; readonly file: HubFile }
  | { readonly kind: "unknown-quantisation"; readonly known: readonly string[] };

/** What a name stands for; undefined when it is no alias. Quantisations may be written in any case. */
export function readAlias(name: string): Alias | undefined {
  if (name === "smollm2") return { kind: "embedded" };
  const match = /^hermes-2-pro(?::(.*))?$/.exec(name);
  if (match === null) return undefined;
  const wanted = (match[1] ?? "Q4_K_M").toUpperCase();
  const quantisation = hermesQuantisations.find((known) => known === wanted);
  if (quantisation === undefined) return { kind: "unknown-quantisation", known: hermesQuantisations };
  return {
    kind: "hub",
    file: {
      alias: name,
      fileName: `Hermes-2-Pro-Mistral-7B.${quantisation}.gguf`,
      repository: "NousResearch/Hermes-2-Pro-Mistral-7B-GGUF",
    },
  };
}
