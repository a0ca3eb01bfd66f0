// How a model writes calls. Found in its template (src/format/calls); the grammar and the reader of replies follow it.

/** How a model writes its calls, as its template shows it. */
export interface CallFormat {
  /** Before the first call of a turn, between two calls, and after the last. */
  readonly begin: string;
  readonly between: string;
  readonly end: string;
  /** A call, piece by piece. Strings are written as they are. */
  readonly call: readonly CallPiece[];
  /** Other ways in which models write a call, besides the template's; each begins otherwise. Undefined: none. */
  readonly also?: readonly (readonly CallPiece[])[] | undefined;
  readonly arguments: ArgumentForm;
  /** A call is one JSON object with these keys; undefined: only its arguments are JSON, if at all. */
  readonly keys?: { readonly name: string; readonly arguments: string } | undefined;
  /** A turn may have more than one call. */
  readonly several: boolean;
  /** No markup says where a call begins, but a tool's name does, at the beginning of a reply or of a message in it. */
  readonly isBare: boolean;
  /** How a turn is divided where its calls and texts are messages of their own. Undefined: it is one message. */
  readonly messages?: TurnMessages | undefined;
}

/** `id`: one that the model makes up. `index`: a number that counts the calls. */
export type CallPiece =
  | string
  | { readonly value: "name" | "id" | "index" | "arguments" }
  /** May be left out. */
  | { readonly value: "optional"; readonly text: string };

/** How a turn is written whose thoughts, texts and calls are messages of their own. */
export interface TurnMessages {
  /** Begins each message but the first, before which the prompt has it: `<|start|>assistant`. */
  readonly next: string;
  /** What a message of text begins with; the first is the answer's. */
  readonly texts: readonly string[];
  /** Ends a message of text where another follows; empty where the next one does. */
  readonly textEnd: string;
  /** A text comes before the calls of a turn, even an empty one. Undefined: false. */
  readonly textFirst?: boolean | undefined;
  /** Follows the last message, before the token that ends the turn. Undefined: nothing does. */
  readonly turnEnd?: string | undefined;
}

/**
 * `"json"`: an object. Else each argument is a parameter of its own: strings as they are, other values as JSON; or its
 * name and value stand in a notation that is not JSON; or it is an element, with further ones inside.
 */
export type ArgumentForm = "json" | ParameterForm | NotationForm | ElementForm;

/**
 * Tags are the names of arguments and properties, elements of lists have a tag of their own, and nothing has quotes:
 * `<a>1</a><b><item>x</item></b>`.
 */
export interface ElementForm {
  /** Stands before each tag. */
  readonly prefix: string;
  /** The tag of a list's elements. */
  readonly item: string;
}

/** Names as they are, values, and commas: `a=1, b='c'`. */
export interface NotationForm {
  /** Between a name and its value. */
  readonly assign: string;
  readonly comma: string;
  /**
   * On both sides of strings, which stand between as they are, and names have nothing around them, in values too.
   * Undefined: values are Python's, of which JSON's are nearly all.
   */
  readonly quote?: string | undefined;
}

/** How arguments are written that are parameters of their own. */
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
  /** Another value's JSON type stands between `beforeJson` and this text. Undefined: `beforeJson` is all there is. */
  readonly behindType?: string | undefined;
}

export const isNotation = (form: ArgumentForm): form is NotationForm => typeof form === "object" && "assign" in form;

export const isElements = (form: ArgumentForm): form is ElementForm => typeof form === "object" && "item" in form;

/** What stands before a call's first value. */
export const headOf = ([first]: readonly CallPiece[]): string => (typeof first === "string" ? first : "");

/** What stands behind a call's last value. */
export function tailOf(call: readonly CallPiece[]): string {
  const last = call.at(-1);
  return typeof last === "string" ? last : "";
}

/** What models put first in a bare call, though their templates do not: tools are described to them like that. */
export const bareType = '"type": "function", ';

/** A text with which the calls of a turn begin. */
export interface Opening {
  readonly text: string;
  /** Only at the beginning of the reply. */
  readonly atStart: boolean;
  /** How the call is written that it begins, and how many pieces of that are in it. */
  readonly call: readonly CallPiece[];
  readonly pieces: number;
  /** Whose name is in it, if one is. */
  readonly name?: string;
  /** It ends with so many characters of what follows the pieces. */
  readonly ahead: number;
}

/**
 * The texts of which one begins the calls of a turn. White space in a reply does not count after brackets, colons and
 * commas, and where they have white space themselves.
 */
export function openingsOf(format: CallFormat, names: readonly string[]): Opening[] {
  return [format.call, ...(format.also ?? [])].flatMap((call) => beginnings(format, call, names));
}

function beginnings(format: CallFormat, call: readonly CallPiece[], names: readonly string[]): Opening[] {
  const { begin, isBare, keys, messages } = format;
  const head = headOf(call);
  const opening = begin + head;
  const pieces = head === "" ? 0 : 1;
  if (isBare && keys !== undefined)
    return names.flatMap((name) =>
      [opening, opening.replace("{", `{${bareType}`)].map((text) => ({
        text: text + JSON.stringify(name).slice(1),
        atStart: true,
        call,
        pieces: 0,
        ahead: 0,
      })),
    );
  if (isBare) {
    const behind = call[pieces + 1];
    const named = names.map((name) => {
      const text = `${opening}${name}${typeof behind === "string" ? behind : ""}`;
      // White space alone ends no name.
      return { text: /\s$/.test(text) ? `${text}{` : text, name };
    });
    return named.flatMap(({ text, name }) =>
      inMessages(messages, text).map((one) => ({
        ...one,
        ...{
          atStart: one.atStart || messages === undefined,
          call,
          name,
          pieces: pieces + 2,
          ahead: text.endsWith("{") ? 1 : 0,
        },
      })),
    );
  }
  const brace = keys === undefined ? -1 : opening.indexOf("{", begin.length);
  return inMessages(messages, brace < 0 ? opening : opening.slice(0, brace + 1)).map((one) => ({
    ...one,
    ...{ call, pieces, ahead: 0 },
  }));
}

/** The beginning of a message, and as it stands behind the prompt. */
function inMessages(messages: TurnMessages | undefined, text: string): { text: string; atStart: boolean }[] {
  if (messages === undefined) return [{ text: text.trim(), atStart: false }];
  // The grammar begins with the same white space.
  const begin = text.trimEnd();
  if (messages.next === "") return [{ text: begin, atStart: false }];
  return [
    { text: messages.next + begin, atStart: false },
    { text: begin, atStart: !/^[<[]/.test(begin) },
  ];
}
