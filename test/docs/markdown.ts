// The pages of the documentation as tests see them: their blocks of code, headings and links.
import { readdirSync, readFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import path from "node:path";

export const root = fileURLToPath(new URL("../../", import.meta.url));

/** Relative to the repository. */
export const pages: readonly string[] = [
  "README.md",
  ...readdirSync(path.join(root, "docs"))
    .filter((name) => name.endsWith(".md"))
    .sort()
    .map((name) => `docs/${name}`),
];

/** Sources whose comments hold blocks: the reference shows them. */
export const sources: readonly string[] = readdirSync(path.join(root, "src"), { recursive: true, encoding: "utf8" })
  .map((name) => path.posix.join("src", name.replaceAll(path.sep, "/")))
  .filter((name) => name.endsWith(".ts") && /^ *\* ```/m.test(readPage(name)))
  .sort();

export interface Block {
  /** Or the source. */
  readonly page: string;
  /** Of its first line of code, from 1. */
  readonly line: number;
  readonly language: string;
  readonly code: string;
  /**
   * Names that `<!-- given: model, tool -->` above the block takes from given.ts, so that a page need not repeat them.
   */
  readonly given: readonly string[];
  /** Why `<!-- not run: … -->` above the block says that it is only compiled. */
  readonly notRun: string | undefined;
  /** The library and version that `<!-- of: openai 6.49.0 -->` names: a program of another library, compiled there. */
  readonly of: string | undefined;
  /** The program that the block shows, by `<!-- file: … -->` above it: compiled and run there. */
  readonly file: string | undefined;
}

export function readPage(page: string): string {
  return readFileSync(path.join(root, page), "utf8");
}

export function blocksOf(page: string): Block[] {
  const blocks: Block[] = [];
  const lines = readPage(page)
    .split("\n")
    .map((line) => (page.endsWith(".ts") ? line.replace(/^ *\* ?/, "") : line));
  for (let index = 0; index < lines.length; index++) {
    const fence = /^(`{3,})(.*)$/.exec(lines[index]!);
    if (fence === null) continue;
    const end = lines.indexOf(fence[1]!, index + 1);
    if (end === -1) throw new Error(`${page}:${index + 1} has a block without an end.`);
    const notes = notesAbove(lines, index);
    blocks.push({
      page,
      line: index + 2,
      language: fence[2]!.trim(),
      code: lines.slice(index + 1, end).join("\n"),
      given: notes.get("given")?.split(/,\s*/) ?? [],
      notRun: notes.get("not run"),
      of: notes.get("of"),
      file: notes.get("file"),
    });
    index = end;
  }
  return blocks;
}

/** The comments right above a block, by what stands before their colon. */
function notesAbove(lines: readonly string[], fence: number): Map<string, string> {
  const notes = new Map<string, string>();
  for (let index = fence - 1; index >= 0; index--) {
    const note = /^<!-- ([a-z ]+): (.+) -->$/.exec(lines[index]!);
    if (note === null) break;
    notes.set(note[1]!, note[2]!);
  }
  return notes;
}

/** What a page says outside of its blocks, line by line; lines of blocks are empty. */
export function proseOf(page: string): string[] {
  let fence: string | undefined;
  return readPage(page)
    .split("\n")
    .map((line) => {
      const mark = /^`{3,}/.exec(line)?.[0];
      if (mark === undefined) return fence === undefined ? line : "";
      if (fence === undefined) fence = mark;
      else if (line === fence) fence = undefined;
      return "";
    });
}

/** The anchors that a page's headings have, on a git host and on the site alike. */
export function anchorsOf(page: string): string[] {
  return proseOf(page).flatMap((line) => {
    const heading = /^#+ (.+)$/.exec(line)?.[1];
    return heading === undefined
      ? []
      : [
          heading
            .toLowerCase()
            .replace(/[^\p{L}\p{N} _-]/gu, "")
            .trim()
            .replaceAll(" ", "-"),
        ];
  });
}

/** Where a page's links lead, as they stand there. */
export function linksOf(page: string): string[] {
  return proseOf(page).flatMap((line) =>
    [...line.replace(/`[^`]*`/g, "").matchAll(/\]\(([^)\s]+)\)/g)].map(([, target]) => target!),
  );
}
