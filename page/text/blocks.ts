// Parses the part of Markdown that models write into a tree: headings, paragraphs, lists, quotes, code, tables and
// rules. It never makes HTML; unknown syntax stays text. It takes linear time.

export type Block =
  | { readonly kind: "heading"; readonly level: number; readonly text: string }
  | { readonly kind: "paragraph"; readonly text: string }
  | { readonly kind: "code"; readonly language: string; readonly text: string }
  | { readonly kind: "list"; readonly start: number | undefined; readonly items: readonly (readonly Block[])[] }
  | { readonly kind: "quote"; readonly blocks: readonly Block[] }
  | { readonly kind: "table"; readonly head: readonly string[]; readonly rows: readonly (readonly string[])[] }
  | { readonly kind: "rule" };

const deepest = 8;
const marker = /^( {0,3})([-*+]|\d{1,9}[.)]) +(?=\S)/;

export function readBlocks(text: string): Block[] {
  return readLines(text.replaceAll("\r\n", "\n").replaceAll("\t", "    ").split("\n"), 0);
}

function readLines(lines: readonly string[], depth: number): Block[] {
  const blocks: Block[] = [];
  let paragraph: string[] = [];
  const endParagraph = () => {
    if (paragraph.length > 0) blocks.push({ kind: "paragraph", text: paragraph.join("\n") });
    paragraph = [];
  };
  for (let at = 0; at < lines.length; ) {
    const line = lines[at]!;
    if (line.trim() === "") {
      endParagraph();
      at++;
      continue;
    }
    const found =
      readFence(lines, at) ??
      readSimple(line, at) ??
      readTable(lines, at) ??
      (depth < deepest ? (readQuote(lines, at, depth) ?? readList(lines, at, depth, paragraph.length > 0)) : undefined);
    if (found === undefined) {
      paragraph.push(line.trim());
      at++;
      continue;
    }
    endParagraph();
    blocks.push(found.block);
    at = found.next;
  }
  endParagraph();
  return blocks;
}

interface Found {
  readonly block: Block;
  /** Index of the line after the block. */
  readonly next: number;
}

/** A code block without an end reaches to the end of the text: it is still being written. */
function readFence(lines: readonly string[], at: number): Found | undefined {
  const opened = /^( {0,3})(`{3,}|~{3,})([^`]*)$/.exec(lines[at]!);
  if (opened === null) return undefined;
  const [, indent, fence] = opened as unknown as [string, string, string];
  const isEnd = (line: string) => line.trim().startsWith(fence) && line.trim().replaceAll(fence[0]!, "") === "";
  let end = at + 1;
  while (end < lines.length && !isEnd(lines[end]!)) end++;
  const inside = lines
    .slice(at + 1, end)
    .map((line) => (line.startsWith(indent) ? line.slice(indent.length) : line.trimStart()));
  return {
    block: { kind: "code", language: opened[3]!.trim().split(" ", 1)[0]!.slice(0, 30), text: inside.join("\n") },
    next: end + 1,
  };
}

function readSimple(line: string, at: number): Found | undefined {
  const heading = /^ {0,3}(#{1,6}) +(\S.*)$/.exec(line);
  if (heading !== null)
    return { block: { kind: "heading", level: heading[1]!.length, text: heading[2]!.trim() }, next: at + 1 };
  const bare = line.replaceAll(" ", "");
  return bare.length >= 3 && "-*_".includes(bare[0]!) && bare.replaceAll(bare[0]!, "") === ""
    ? { block: { kind: "rule" }, next: at + 1 }
    : undefined;
}

function readTable(lines: readonly string[], at: number): Found | undefined {
  const ruler = lines[at + 1];
  if (
    ruler === undefined ||
    !lines[at]!.includes("|") ||
    !/^[ |:-]+$/.test(ruler) ||
    !ruler.includes("-") ||
    !ruler.includes("|")
  )
    return undefined;
  const head = readCells(lines[at]!);
  if (head.length !== readCells(ruler).length) return undefined;
  let end = at + 2;
  while (end < lines.length && lines[end]!.includes("|")) end++;
  const rows = lines.slice(at + 2, end).map((line) => {
    const cells = readCells(line);
    return head.map((_, column) => cells[column] ?? "");
  });
  return { block: { kind: "table", head, rows }, next: end };
}

function readCells(line: string): string[] {
  const trimmed = line.trim();
  return trimmed
    .slice(trimmed.startsWith("|") ? 1 : 0, trimmed.length > 1 && trimmed.endsWith("|") ? -1 : undefined)
    .split("|")
    .map((cell) => cell.trim());
}

function readQuote(lines: readonly string[], at: number, depth: number): Found | undefined {
  let end = at;
  while (end < lines.length && lines[end]!.startsWith(">")) end++;
  return end === at
    ? undefined
    : {
        block: {
          kind: "quote",
          blocks: readLines(
            lines.slice(at, end).map((line) => line.replace(/^> ?/, "")),
            depth + 1,
          ),
        },
        next: end,
      };
}

/** Inside a paragraph a number begins a list only where it is 1, so that a year at the beginning of a line does not. */
function readList(lines: readonly string[], at: number, depth: number, insideParagraph: boolean): Found | undefined {
  const first = marker.exec(lines[at]!);
  if (first === null) return undefined;
  const isNumbered = (bullet: string) => /\d/.test(bullet);
  const numbered = isNumbered(first[2]!);
  const start = numbered ? Number.parseInt(first[2]!, 10) : undefined;
  if (insideParagraph && numbered && start !== 1) return undefined;
  const items: string[][] = [];
  let width = 0;
  let next = at;
  for (; next < lines.length; next++) {
    const line = lines[next]!;
    const begun = marker.exec(line);
    const indent = line.length - line.trimStart().length;
    const isBlank = line.trim() === "";
    // Two spaces are enough to belong to an item, as models write it.
    if (begun !== null && (items.length === 0 || indent < Math.min(2, width))) {
      if (isNumbered(begun[2]!) !== numbered) break;
      width = begun[0].length;
      items.push([line.slice(width)]);
    } else if (isBlank || indent >= Math.min(2, width)) items.at(-1)!.push(line.slice(Math.min(indent, width)));
    // A continuation line without indent, but not after an empty line.
    else if (items.at(-1)!.at(-1)!.trim() !== "" && readSimple(line, 0) === undefined && !/^(`{3}|~{3}|>)/.test(line))
      items.at(-1)!.push(line);
    else break;
  }
  return { block: { kind: "list", start, items: items.map((item) => readLines(item, depth + 1)) }, next };
}
