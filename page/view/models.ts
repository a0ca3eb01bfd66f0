// The models that the server has, and what went wrong when it was asked for them.
import { signal } from "@preact/signals";
import { update, current } from "../conversation/store.js";
import type { Settings } from "../conversation/settings.js";
import { fetchModels } from "../server/client.js";

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

/** The one that was chosen, where the server still has it. */
export function modelOf({ model }: Settings): string {
  return models.value.includes(model) ? model : models.value[0] ?? model;
}

export function changeSettings(change: Partial<Settings>): void {
  update(current.value.id, (conversation) => ({ ...conversation, settings: { ...conversation.settings, ...change } }));
}
