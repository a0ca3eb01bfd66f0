// Finds out how a template writes arguments as parameters, each with its name and value between markers.
import type { ParameterForm } from "../../engine/call_format.js";
import { isDeepStrictEqual } from "node:util";
import { TolerantJson } from "../hermes/json/tolerant_json.js";
import { commonEnd, commonStart } from "./common_text.js";
import { nestedValue, numberValue, oddValue, words, type ProbeTexts } from "./probe_texts.js";

/** Undefined where they are written otherwise. */
export function parameterForm({ pair, odd, number, nested }: ProbeTexts): ParameterForm | undefined {
  if (pair === undefined || odd === undefined || number === undefined || nested === undefined) return undefined;
  const places = [words.first, words.key, words.value, words.otherKey, words.otherValue].map((word) =>
    pair.indexOf(word),
  );
  if (places.some((place, index) => place < 0 || place < (places[index - 1] ?? 0))) return undefined;
  const gap = (index: number, word: string) => pair.slice(places[index]! + word.length, places[index + 1]);
  const [toName, toValue, toOther] = [gap(0, words.first), gap(1, words.key), gap(2, words.value)];
  const beforeName = toOther.slice(toOther.length - commonEnd(toName, toOther));
  const rest = toOther.slice(0, toOther.length - beforeName.length);
  const behind = pair.slice(places[4]! + words.otherValue.length);
  const afterText = rest.slice(0, commonStart(rest, behind));
  const json = aroundNumber(number);
  if (json === undefined) return undefined;
  if ([beforeName, toValue, afterText, ...Object.values(json)].some((text) => text.trim() === "")) return undefined;
  if (rest !== afterText) return undefined;
  const form = {
    beforeName,
    beforeText: toValue,
    afterText,
    ...json,
    hasCdata: odd.includes(`${toValue}<![CDATA[${oddValue}]]>${afterText}`),
  };
  if (!form.hasCdata && !odd.includes(toValue + oddValue + afterText)) return undefined;
  // Objects inside, as JSON or as Python writes them.
  const from = nested.indexOf(form.beforeJson, nested.indexOf(words.nested)) + form.beforeJson.length;
  const to = nested.indexOf(form.afterJson, from);
  return to > 0 && isNested(nested.slice(from, to)) ? form : undefined;
}

/** What stands around a value that is no string. */
function aroundNumber(text: string) {
  const keyAt = text.indexOf(words.number) + words.number.length;
  const at = text.indexOf(numberValue, keyAt);
  if (keyAt < words.number.length || at < 0) return undefined;
  const behind = text.slice(at + numberValue.length);
  const end = /^\s*(?:<[^<>]*>|\S+)/.exec(behind)?.[0] ?? "";
  return { beforeJson: text.slice(keyAt, at), afterJson: end };
}

function isNested(text: string): boolean {
  const reader = new TolerantJson();
  const end = reader.feed(text.trimEnd(), text.length - text.trimStart().length);
  return reader.status === "done" && end === text.trimEnd().length && isDeepStrictEqual(reader.value, nestedValue);
}

/** Where the parameters of the probes' calls stand that have the one of `words.key` alone. */
export function parameterSpans(text: string, { beforeName, beforeText, afterText }: ParameterForm) {
  const whole = `${beforeName}${words.key}${beforeText}${words.value}${afterText}`;
  const spans: { from: number; to: number }[] = [];
  for (let at = text.indexOf(whole); at >= 0; at = text.indexOf(whole, at + 1))
    spans.push({ from: at, to: at + whole.length });
  return spans;
}
