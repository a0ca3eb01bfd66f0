// How a model writes its calls, as another Caduceus sends it.
import type { CallFormat, CallPiece } from "../../index.js";
import { Fields, invalid, invalidContent } from "../fields/read_fields.js";

const mostPieces = 100;
const longestText = 10_000;

export function readCallFormat(fields: Fields): CallFormat {
  const text = (name: string) => short(fields, name);
  const also = fields.list("also");
  const keys = fields.fields("keys");
  const messages = fields.fields("messages");
  return {
    begin: text("begin"),
    between: text("between"),
    end: text("end"),
    call: readPieces(fields.required("call", fields.list), fields.path("call")),
    ...(also === undefined
      ? {}
      : { also: also.slice(0, mostPieces).map((one, index) => readPieces(one, `${fields.path("also")}[${index}]`)) }),
    arguments: readArguments(fields),
    ...(keys === undefined ? {} : { keys: { name: short(keys, "name"), arguments: short(keys, "arguments") } }),
    several: fields.required("several", fields.boolean),
    isBare: fields.required("isBare", fields.boolean),
    ...(messages === undefined
      ? {}
      : {
          messages: {
            next: short(messages, "next"),
            texts: messages.required("texts", messages.list).map((one) => shortText(one, messages.path("texts"))),
            textEnd: short(messages, "textEnd"),
            ...optionalText(messages, "turnEnd"),
            textFirst: messages.boolean("textFirst"),
          },
        }),
  };
}

function readPieces(value: unknown, place: string): CallPiece[] {
  if (!Array.isArray(value) || value.length > mostPieces)
    throw invalid(place, `an array of at most ${mostPieces} pieces`, value);
  return value.map((piece: unknown, index): CallPiece => {
    const at = `${place}[${index}]`;
    if (typeof piece === "string") return shortText(piece, at);
    const fields = new Fields(piece, at);
    const kind = fields.required("value", (name) =>
      fields.choice(name, ["name", "id", "index", "arguments", "optional"] as const),
    );
    return kind === "optional" ? { value: kind, text: short(fields, "text") } : { value: kind };
  });
}

function readArguments(fields: Fields): CallFormat["arguments"] {
  const value = fields.value("arguments");
  if (value === "json") return "json";
  const form = fields.required("arguments", fields.fields);
  if (form.value("assign") !== undefined) {
    return { assign: short(form, "assign"), comma: short(form, "comma"), ...optionalText(form, "quote") };
  }
  if (form.value("item") !== undefined) return { prefix: short(form, "prefix"), item: short(form, "item") };
  return {
    beforeName: short(form, "beforeName"),
    beforeText: short(form, "beforeText"),
    afterText: short(form, "afterText"),
    beforeJson: short(form, "beforeJson"),
    afterJson: short(form, "afterJson"),
    hasCdata: form.required("hasCdata", form.boolean),
    ...optionalText(form, "behindType"),
  };
}

function optionalText<K extends string>(fields: Fields, name: K): { readonly [name in K]?: string } {
  const text = fields.text(name);
  return text === undefined
    ? {}
    : ({ [name]: shortText(text, fields.path(name)) } as { readonly [name in K]?: string });
}

const short = (fields: Fields, name: string) => shortText(fields.required(name, fields.text), fields.path(name));

function shortText(value: unknown, place: string): string {
  if (typeof value !== "string") throw invalid(place, "a string", value);
  if (value.length > longestText || /\p{Surrogate}/u.test(value))
    throw invalidContent(place, `well-formed text of at most ${longestText} characters`, `${value.length} characters`);
  return value;
}
