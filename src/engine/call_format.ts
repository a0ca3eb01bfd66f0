// How a model writes calls. Found in its template (src/format/calls); the grammar and the reader of replies follow it.

export interface CallFormat {
  /** Before the first call of a turn, between two calls, and after the last. */
  readonly begin: string;
  readonly between: string;
  readonly end: string;
  /** A call, piece by piece. Strings are written as they are. */
  readonly call: readonly CallPiece[];
  readonly arguments: ArgumentForm;
  /** A call is one JSON object with these keys; undefined: only its arguments are JSON, if at all. */
  readonly keys?: { readonly name: string; readonly arguments: string } | undefined;
  /** A turn may have more than one call. */
  readonly several: boolean;
  /** No markup says where a call begins: only the beginning of a reply can be one. */
  readonly isBare: boolean;
}

/** `id`: one that the model makes up. `index`: a number that counts the calls. */
export type CallPiece = string | { readonly value: "name" | "id" | "index" | "arguments" };

/** `"json"`: an object. Else each argument is a parameter of its own: strings as they are, other values as JSON. */
export type ArgumentForm = "json" | ParameterForm;

export interface ParameterForm {
  readonly beforeName: string;
  /** Between the name and a string, and behind that. */
  readonly beforeText: string;
  readonly afterText: string;
  /** Between the name and another value, and behind that. */
  readonly beforeJson: string;
  readonly afterJson: string;
  /** Strings may stand between `<![CDATA[` and `]]>`. */
  readonly hasCdata: boolean;
}

/** What stands before a call's first value. */
export function headOf({ call }: CallFormat): string {
  return typeof call[0] === "string" ? call[0] : "";
}

/** What stands behind a call's last value. */
export function tailOf({ call }: CallFormat): string {
  const last = call.at(-1);
  return typeof last === "string" ? last : "";
}

/** What models put first in a bare call, though their templates do not: tools are described to them like that. */
export const bareType = '"type": "function", ';

/**
 * The texts of which one begins the calls of a turn. White space in a reply does not count after brackets, colons and
 * commas, and where they have white space themselves.
 */
export function openingsOf(format: CallFormat, names: readonly string[]): string[] {
  const opening = format.begin + headOf(format);
  // Only the name of a given tool tells a bare call from other JSON.
  if (format.isBare)
    return names.flatMap((name) =>
      [opening, opening.replace("{", `{${bareType}`)].map((begin) => begin + JSON.stringify(name).slice(1)),
    );
  const brace = format.keys === undefined ? -1 : opening.indexOf("{", format.begin.length);
  return [(brace < 0 ? opening : opening.slice(0, brace + 1)).trim()];
}
