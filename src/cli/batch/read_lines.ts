// The lines of a stream, as bytes, without ever holding more than one of them.

export interface Line {
  /** Counted from 1, empty lines included. */
  readonly number: number;
  /** Without the newline. Undefined where the line is longer than the limit. */
  readonly bytes: Buffer | undefined;
  /** The last line may end without a newline. */
  readonly isEnded: boolean;
}

const newline = 10;

export async function* readLines(stream: AsyncIterable<Buffer>, longest: number): AsyncGenerator<Line> {
  let number = 1;
  let parts: Buffer[] = [];
  let length = 0;
  const add = (part: Buffer) => {
    length += part.length;
    if (length <= longest) parts.push(part);
    else parts = [];
  };
  const take = (isEnded: boolean): Line => {
    const line = { number: number++, bytes: length <= longest ? Buffer.concat(parts, length) : undefined, isEnded };
    parts = [];
    length = 0;
    return line;
  };
  for await (const chunk of stream) {
    let begin = 0;
    for (let end = chunk.indexOf(newline); end !== -1; end = chunk.indexOf(newline, begin)) {
      add(chunk.subarray(begin, end));
      begin = end + 1;
      yield take(true);
    }
    add(chunk.subarray(begin));
  }
  if (length > 0) yield take(false);
}
