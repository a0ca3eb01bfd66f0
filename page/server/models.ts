// The server's models, and the error if they cannot be listed.
import { signal } from "@preact/signals";
import { fetchModels } from "./client.js";

export const models = signal<readonly string[]>([]);
export const modelsProblem = signal("");

export async function findModels(): Promise<void> {
  try {
    models.value = await fetchModels();
    modelsProblem.value = "";
  } catch (error) {
    modelsProblem.value = (error as Error).message;
  }
}

/** The chosen model, if the server still has it. */
export function modelOf({ model }: { readonly model: string }): string {
  return models.value.includes(model) ? model : (models.value[0] ?? model);
}
