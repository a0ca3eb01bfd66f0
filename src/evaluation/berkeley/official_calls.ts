// Calls as the published evaluator finds them: it parses the whole reply as XML, and the text in each <tool_call> as
// JSON or else as a Python literal. A single bare & or < anywhere, in prose or in a string, makes it find no calls.
import { PythonSyntaxError, readJsonOrLiteral } from "./python_reader.js";
import type { PythonValue } from "./python_value.js";

/** The values in the tags that can be read; they need not look like calls. */
export function officialCalls(reply: string): PythonValue[] {
  const texts = textsOfCalls(`<root>${reply}</root>`);
  // The evaluator fails on an element without text.
  if (texts.includes("")) return [];
  return texts.flatMap((text) => {
    try {
      return [readJsonOrLiteral(text.trim())];
    } catch (error) {
      if (error instanceof PythonSyntaxError) return [];
      throw error;
    }
  });
}

const name = "[A-Za-z_:\\u00c0-\\uffff][\\w:.\\u00b7-\\uffff-]*";
const patterns = {
  text: /[^<&]+/y,
  entity: /&(?:(amp|lt|gt|quot|apos)|#(\d+)|#x([0-9a-fA-F]+));/y,
  cdata: /<!\[CDATA\[([^]*?)\]\]>/y,
  /** Comments and processing instructions. */
  skipped: /<!--(?:(?!--)[^])*-->|<\?(?!xml[\s?])[^]*?\?>/y,
  open: new RegExp(`<(${name})((?:\\s+${name}\\s*=\\s*(?:"[^"<]*"|'[^'<]*'))*)\\s*(/?)>`, "y"),
  close: new RegExp(`</(${name})\\s*>`, "y"),
};
const entities: Readonly<Record<string, string>> = { amp: "&", lt: "<", gt: ">", quot: '"', apos: "'" };
// Characters that XML 1.0 does not have, and the end of a CDATA section where there is none.
const notInText = /[\u0000-\u0008\u000b\u000c\u000e-\u001f\ufffe\uffff]|\]\]>/;

interface Element {
  readonly tag: string;
  /** Text before the first child. */
  text: string;
  hasChild: boolean;
}

/** The text of each `tool_call` element, in the document's order; none where it is not well-formed. */
function textsOfCalls(xml: string): string[] {
  const calls: Element[] = [];
  const open: Element[] = [];
  let at = 0;
  const take = (pattern: RegExp) => {
    pattern.lastIndex = at;
    const match = pattern.exec(xml);
    if (match !== null) at += match[0].length;
    return match;
  };
  const add = (text: string) => {
    const parent = open.at(-1);
    if (parent !== undefined && !parent.hasChild) parent.text += text;
  };
  let match: RegExpExecArray | null;
  while (at < xml.length) {
    // Only white space may follow the root.
    if (at > 0 && open.length === 0) return xml.slice(at).trim() === "" ? calls.map(({ text }) => text) : [];
    if ((match = take(patterns.text)) !== null) {
      if (notInText.test(match[0])) return [];
      add(match[0]);
    } else if ((match = take(patterns.entity)) !== null) {
      const code =
        match[2] !== undefined ? Number(match[2]) : match[3] !== undefined ? parseInt(match[3], 16) : undefined;
      if (code !== undefined && (code > 0x10ffff || notInText.test(String.fromCodePoint(code)))) return [];
      add(code === undefined ? entities[match[1]!]! : String.fromCodePoint(code));
    } else if ((match = take(patterns.cdata)) !== null) add(match[1]!);
    else if (take(patterns.skipped) !== null) continue;
    else if ((match = take(patterns.open)) !== null) {
      const parent = open.at(-1);
      if (parent !== undefined) parent.hasChild = true;
      const element = { tag: match[1]!, text: "", hasChild: false };
      if (element.tag === "tool_call") calls.push(element);
      if (match[3] === "") open.push(element);
    } else if ((match = take(patterns.close)) !== null) {
      if (open.pop()?.tag !== match[1]) return [];
    } else return [];
  }
  return open.length === 0 ? calls.map(({ text }) => text) : [];
}
