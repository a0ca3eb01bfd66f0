// Reads a file of rows: one JSON object a line, one JSON array, or the {"rows": [{"row": …}]} of the hub's rows
// service.
import { createHash } from "node:crypto";
import { readFile } from "node:fs/promises";
import { EvaluationError } from "../outcome.js";
import { PythonSyntaxError, readJson } from "../berkeley/python_reader.js";
import { isDict, isList, show, type PythonDict, type PythonValue } from "../berkeley/python_value.js";

/** One row, and its place for error messages. */
export class Row {
  readonly #members: PythonDict;
  /** `rows.jsonl, row 3`, counted from 1. */
  readonly place: string;

  constructor(members: PythonDict, place: string) {
    this.#members = members;
    this.place = place;
  }

  /** Undefined where the column is missing or null. */
  get(column: string): PythonValue | undefined {
    return this.#members.get(column) ?? undefined;
  }

  need(column: string): PythonValue {
    const value = this.get(column);
    if (value === undefined)
      throw this.wrong(`Expected a column ${column} but there are ${[...this.#members.keys()].join(", ") || "none"}.`);
    return value;
  }

  /** A column that holds JSON as text, as the published sets have it, or the value itself. */
  json(column: string): PythonValue {
    const value = this.need(column);
    if (typeof value !== "string") return value;
    try {
      return readJson(value.trim());
    } catch (error) {
      if (!(error instanceof PythonSyntaxError)) throw error;
      throw this.wrong(`${column} is not JSON: ${error.message}.`);
    }
  }

  wrong(message: string): EvaluationError {
    return new EvaluationError(`${this.place}: ${message}`);
  }
}

export interface DataFile {
  readonly rows: readonly Row[];
  /** SHA-256 of the file. */
  readonly version: string;
}

export async function readDataFile(file: string): Promise<DataFile> {
  const bytes = await readFile(file).catch((error: NodeJS.ErrnoException) => {
    throw new EvaluationError(
      error.code === "ENOENT" ? `There is no file ${file}.` : `The data file cannot be read: ${error.message}.`,
    );
  });
  const rows = readRows(bytes.toString("utf8"), file);
  if (rows.length === 0) throw new EvaluationError(`${file} holds no rows.`);
  return { rows, version: createHash("sha256").update(bytes).digest("hex") };
}

export function readRows(text: string, name: string): Row[] {
  if (text.startsWith("PAR1"))
    throw new EvaluationError(
      `${name} is a Parquet file: convert it to JSON lines first (pandas: read_parquet(…).to_json(…, orient="records", lines=True)).`,
    );
  const whole = wholeFile(text.replace(/^\ufeff/, "").trim());
  if (whole !== undefined) return whole.map((value, index) => rowOf(value, `${name}, row ${index + 1}`));
  return text.split("\n").flatMap((line, index) => {
    if (line.trim() === "") return [];
    const place = `${name}, line ${index + 1}`;
    try {
      return [rowOf(readJson(line.trim().replace(/^\ufeff/, "")), place)];
    } catch (error) {
      if (!(error instanceof PythonSyntaxError)) throw error;
      throw new EvaluationError(`${place} is not JSON: ${error.message}.`);
    }
  });
}

/** The rows of a file that is one JSON value; undefined where it is something else, such as lines. */
function wholeFile(text: string): readonly PythonValue[] | undefined {
  try {
    const value = readJson(text);
    if (isList(value)) return value;
    const rows = isDict(value) ? value.get("rows") : undefined;
    if (rows === undefined || !isList(rows)) return undefined;
    return rows.map((row) => (isDict(row) ? (row.get("row") ?? row) : row));
  } catch (error) {
    if (error instanceof PythonSyntaxError) return undefined;
    throw error;
  }
}

function rowOf(value: PythonValue, place: string): Row {
  if (!isDict(value)) throw new EvaluationError(`${place}: Expected an object but received ${show(value)}.`);
  return new Row(value, place);
}

/** A key for each row: its `id` where all have different ones, else its number. */
export function keysOf(rows: readonly Row[]): string[] {
  const ids = rows
    .map((row) => row.get("id"))
    .filter((id) => typeof id === "string" || typeof id === "bigint")
    .map(String);
  return ids.length === rows.length && new Set(ids).size === rows.length ? ids : rows.map((_, index) => String(index));
}
