// The report of an evaluation: counts for each group, and each wrong sample with its reason.
import type { RunIdentity } from "./run/results_file.js";
import type { Answer, DataSet, Sample } from "./sample.js";

export interface GroupCounts {
  readonly group: string;
  readonly samples: number;
  /** Right answers, by score. */
  readonly passed: Readonly<Record<string, number>>;
  /** Replies in which the token limit cut off a call or JSON. */
  readonly incomplete: number;
  /** Replies with the beginning of a call that cannot be read. */
  readonly malformed: number;
  /** Replies with a call of an unknown tool, or with arguments that its schema refuses. */
  readonly invalidCalls: number;
  /** Replies without any call. */
  readonly withoutCalls: number;
  /** Questions that could not be asked. */
  readonly errors: number;
  readonly promptTokens: number;
  readonly generatedTokens: number;
}

export interface Failure {
  readonly key: string;
  readonly group: string;
  /** The reason for each failed score. */
  readonly reasons: Readonly<Record<string, string>>;
  /** The text of the reply. */
  readonly text: string;
}

export interface Report {
  readonly run: RunIdentity;
  readonly scores: readonly string[];
  readonly total: GroupCounts;
  readonly groups: readonly GroupCounts[];
  readonly failures: readonly Failure[];
}

export function makeReport(
  { scores }: Pick<DataSet, "scores">,
  samples: readonly Sample[],
  answers: ReadonlyMap<string, Answer>,
  run: RunIdentity,
): Report {
  const judged = samples.flatMap((sample) => {
    const answer = answers.get(sample.key);
    return answer === undefined ? [] : [judge(sample, answer)];
  });
  const groups = [...new Set(judged.map(({ sample }) => sample.group))];
  return {
    run,
    scores,
    total: count("all", judged, scores),
    groups: groups.map((group) =>
      count(
        group,
        judged.filter(({ sample }) => sample.group === group),
        scores,
      ),
    ),
    failures: judged.flatMap(({ sample, answer, reasons }) =>
      Object.keys(reasons).length === 0 ? [] : [{ key: sample.key, group: sample.group, reasons, text: answer.text }],
    ),
  };
}

interface Judged {
  readonly sample: Sample;
  readonly answer: Answer;
  /** Reasons by score; empty if all passed. */
  readonly reasons: Readonly<Record<string, string>>;
}

export function judge(sample: Sample, answer: Answer): Judged {
  const reasons = Object.entries(sample.judge(answer)).flatMap(([score, outcome]): [string, string][] => {
    if (answer.error !== undefined) return [[score, answer.error]];
    return outcome.passed ? [] : [[score, outcome.reason]];
  });
  return { sample, answer, reasons: Object.fromEntries(reasons) };
}

function count(group: string, judged: readonly Judged[], scores: readonly string[]): GroupCounts {
  const those = (is: (answer: Answer) => boolean) => judged.filter(({ answer }) => is(answer)).length;
  const sum = (of: (answer: Answer) => number) => judged.reduce((total, { answer }) => total + of(answer), 0);
  return {
    group,
    samples: judged.length,
    passed: Object.fromEntries(
      scores.map((score) => [score, judged.filter(({ reasons }) => reasons[score] === undefined).length]),
    ),
    incomplete: those(({ incomplete }) => incomplete === true),
    malformed: those(({ malformed }) => malformed > 0),
    invalidCalls: those(({ calls }) => calls.some(({ problem }) => problem !== undefined)),
    withoutCalls: those(({ calls, error }) => calls.length === 0 && error === undefined),
    errors: those(({ error }) => error !== undefined),
    promptTokens: sum(({ promptTokens }) => promptTokens),
    generatedTokens: sum(({ generatedTokens }) => generatedTokens),
  };
}

const maxListed = 20;

/** A table for people, and the first failures; all of them stand in the JSON form. */
export function writeReport({ scores, total, groups, failures }: Report): string {
  const isOnly = groups.length <= 1;
  const hasCalls = total.withoutCalls < total.samples;
  const header = [
    "",
    "samples",
    ...scores,
    "incomplete",
    ...(hasCalls ? ["malformed", "invalid", "no call"] : []),
    "errors",
    "tokens",
  ];
  const rows = [...groups, ...(isOnly ? [] : [{ ...total, group: "together" }])].map((counts) => [
    counts.group,
    String(counts.samples),
    ...scores.map((score) => share(counts.passed[score]!, counts.samples)),
    String(counts.incomplete),
    ...(hasCalls ? [String(counts.malformed), String(counts.invalidCalls), String(counts.withoutCalls)] : []),
    String(counts.errors),
    String(counts.generatedTokens),
  ]);
  const widths = header.map((title, column) => Math.max(title.length, ...rows.map((row) => row[column]!.length)));
  const line = (cells: readonly string[]) =>
    cells
      .map((cell, column) => (column === 0 ? cell.padEnd(widths[column]!) : cell.padStart(widths[column]!)))
      .join("  ")
      .trimEnd();
  const listed = failures.slice(0, maxListed).map(({ key, reasons }) => `  ${key}: ${reasonText(reasons)}`);
  const more = failures.length > maxListed ? [`  and ${failures.length - maxListed} more`] : [];
  return `${[line(header), ...rows.map(line), ...(failures.length > 0 ? ["", "Failed:", ...listed, ...more] : [])].join("\n")}\n`;
}

function share(count: number, of: number): string {
  return of === 0 ? "0" : `${count} (${((100 * count) / of).toFixed(1)} %)`;
}

function reasonText(reasons: Readonly<Record<string, string>>): string {
  const entries = Object.entries(reasons);
  const texts = new Set(entries.map(([, reason]) => reason));
  const text =
    entries.length === 1 || texts.size > 1
      ? entries.map(([score, reason]) => `${score}: ${reason}`).join(" ")
      : entries[0]![1];
  return text.length > 300 ? `${text.slice(0, 297)}…` : text;
}
