// The rows of a CSV or JSONL file, one after the other, however long the file is.
import { createReadStream } from "node:fs";
import { createInterface } from "node:readline";

/**
 * The value of one column in each row.
 * @param {string} file @param {string} column @param {AbortSignal} signal @returns {AsyncGenerator<string>}
 */
export async function* columnOf(file, column, signal) {
  const input = createReadStream(file, { encoding: "utf8", signal });
  if (!file.endsWith(".csv")) {
    for await (const line of createInterface({ input, crlfDelay: Infinity })) {
      if (line.trim() !== "") yield String(JSON.parse(line)[column] ?? "");
    }
    return;
  }
  let at = -1;
  for await (const row of csvRows(input)) {
    if (at >= 0) yield row[at] ?? "";
    else if ((at = row.indexOf(column)) < 0) throw new Error(`${file} has no column ${column}, but ${row.join(", ")}.`);
  }
}

/**
 * By RFC 4180: fields between quotes may have commas, line ends and doubled quotes.
 * @param {AsyncIterable<string>} input
 */
async function* csvRows(input) {
  let [row, field, quoted, last] = [/** @type {string[]} */ ([]), "", false, "\ufeff"];
  const endRow = () => {
    const whole = [...row, field];
    [row, field] = [[], ""];
    return whole;
  };
  for await (const piece of input) {
    for (const character of piece) {
      if (character === '"') {
        // The second of two inside quotes stands for itself.
        if (!quoted && last === '"') field += '"';
        quoted = !quoted;
      } else if (quoted) field += character;
      else if (character === ",") [row, field] = [[...row, field], ""];
      else if (character === "\n") yield endRow();
      else if (character !== "\r" && character !== "\ufeff") field += character;
      last = character;
    }
  }
  if (row.length > 0 || field !== "") yield endRow();
}
