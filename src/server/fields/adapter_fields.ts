// Adapters (LoRA) as llama.cpp's server names them: by their places in the model's list, or here by their names too.
import { describe } from "../../errors.js";
import type { AdapterChoice, Model } from "../../index.js";
import { Fields, invalid, invalidContent } from "./read_fields.js";

export interface LoraChoice {
  readonly id: string | number;
  readonly scale: number;
}

const most = 64;

/** The field `lora` of a request, or undefined where it has none. */
export function readLora(body: Fields): LoraChoice[] | undefined {
  const list = body.list("lora");
  return list === undefined ? undefined : readLoraList(list, "lora");
}

export function readLoraList(list: readonly unknown[], place: string): LoraChoice[] {
  if (list.length > most) throw invalidContent(place, `at most ${most} adapters`, `${list.length} adapters`);
  return list.map((value, index) => {
    const entry = new Fields(value, `${place}[${index}]`);
    const id = entry.required("id", entry.value);
    if (typeof id !== "string" && !Number.isInteger(id))
      throw invalid(entry.path("id"), "the number or the name of an adapter", id);
    return { id: id as string | number, scale: entry.number("scale", -1e6, 1e6) ?? 1 };
  });
}

/** The library's option. Throws where the model has no such adapter, or one stands there twice. */
export function adaptersOf(
  choices: readonly LoraChoice[] | undefined,
  model: Pick<Model, "adapters">,
  place = "lora",
): AdapterChoice[] | undefined {
  if (choices === undefined) return undefined;
  const adapters = choices.length === 0 ? [] : model.adapters;
  const chosen = choices.map(({ id, scale }, index) => {
    const adapter = typeof id === "number" ? adapters[id] : adapters.find(({ name }) => name === id);
    if (adapter !== undefined) return { name: adapter.name, scale };
    throw invalidContent(
      `${place}[${index}].id`,
      adapters.length === 0
        ? "no adapter: this model has none"
        : "the number or the name of an adapter that GET /lora-adapters lists",
      describe(id),
    );
  });
  const twice = chosen.findIndex(({ name }, at) => chosen.findIndex((other) => other.name === name) !== at);
  if (twice !== -1) throw invalidContent(`${place}[${twice}].id`, "each adapter once", describe(choices[twice]!.id));
  return chosen;
}
