// The inline part of Markdown: code, bold, italics, strikethrough, links. Everything else is text.

export type Span =
  | { readonly kind: "text"; readonly text: string }
  | { readonly kind: "code"; readonly text: string }
  | { readonly kind: "strong" | "emphasis" | "struck"; readonly spans: readonly Span[] }
  | { readonly kind: "link"; readonly address: string; readonly spans: readonly Span[] };

const deepest = 4;
/** Maximum distance to a closing mark, so that many unclosed marks cost little. */
const farthest = 600;

const opener = /`+|\*\*|__|~~|\*|_|\[|https?:\/\/|\\[\\`*_~[\]()#+.!|<>-]/g;

export function readSpans(text: string, depth = 0): Span[] {
  const spans: Span[] = [];
  let told = 0;
  const find = new RegExp(opener);
  for (let found; (found = find.exec(text)) !== null; ) {
    const at = found.index;
    const mark = found[0];
    const span = mark.startsWith("\\")
      ? { span: { kind: "text" as const, text: mark[1]! }, next: at + 2 }
      : readSpan(text, at, mark, depth);
    if (span === undefined) continue;
    if (at > told) spans.push({ kind: "text", text: text.slice(told, at) });
    spans.push(span.span);
    find.lastIndex = told = span.next;
  }
  if (told < text.length) spans.push({ kind: "text", text: text.slice(told) });
  return spans;
}

interface Found {
  readonly span: Span;
  readonly next: number;
}

function readSpan(text: string, at: number, mark: string, depth: number): Found | undefined {
  if (mark.startsWith("`")) return readCode(text, at, mark);
  if (mark.startsWith("http")) return readAddress(text, at);
  if (depth >= deepest) return undefined;
  return mark === "[" ? readLink(text, at) : readMarked(text, at, mark, depth);
}

function endOf(text: string, mark: string, from: number): number {
  const end = text.slice(from, from + farthest).indexOf(mark);
  return end === -1 ? -1 : from + end;
}

function readCode(text: string, at: number, mark: string): Found | undefined {
  const from = at + mark.length;
  const end = endOf(text, mark, from);
  if (end <= from) return undefined;
  return {
    span: { kind: "code", text: text.slice(from, end).replace(/^ (.*[^ ].*) $/s, "$1") },
    next: end + mark.length,
  };
}

/** Underscores and stars inside words and products are text, and marks touch the text that they mark. */
function readMarked(text: string, at: number, mark: string, depth: number): Found | undefined {
  const from = at + mark.length;
  const isWord = (character: string | undefined) => character !== undefined && /[\p{L}\p{N}]/u.test(character);
  const standsAlone = mark[0] === "_" || mark === "*";
  if (!/\S/.test(text[from] ?? " ") || (standsAlone && isWord(text[at - 1]))) return undefined;
  for (
    let end = endOf(text, mark, from);
    end !== -1 && end - from < farthest;
    end = endOf(text, mark, end + mark.length)
  ) {
    // Half of a double mark.
    if (mark.length === 1 && text[end + 1] === mark) {
      end++;
      continue;
    }
    // Three marks close the inner span first.
    while (mark.length === 2 && text[end + 2] === mark[0]) end++;
    if (end === from || (standsAlone && isWord(text[end + mark.length])) || /\s/.test(text[end - 1]!)) continue;
    const spans = readSpans(text.slice(from, end), depth + 1);
    return {
      span: { kind: mark === "~~" ? "struck" : mark.length === 2 ? "strong" : "emphasis", spans },
      next: end + mark.length,
    };
  }
  return undefined;
}

function readLink(text: string, at: number): Found | undefined {
  const middle = endOf(text, "](", at + 1);
  const end = middle === -1 ? -1 : endOf(text, ")", middle + 2);
  if (end === -1) return undefined;
  const address = text
    .slice(middle + 2, end)
    .trim()
    .split(/\s/, 1)[0]!;
  if (!/^(https?:\/\/|mailto:)/i.test(address)) return undefined;
  return { span: { kind: "link", address, spans: readSpans(text.slice(at + 1, middle), deepest) }, next: end + 1 };
}

function readAddress(text: string, at: number): Found | undefined {
  const address =
    /^https?:\/\/[^\s<>"'`|\\^{}]+/.exec(text.slice(at, at + farthest))?.[0].replace(/[.,;:!?)\]*_]+$/, "") ?? "";
  if (!/^https?:\/\/[^/]/.test(address)) return undefined;
  return { span: { kind: "link", address, spans: [{ kind: "text", text: address }] }, next: at + address.length };
}
