// Models whose way to write calls cannot be derived from what their templates write, and is known by a text in them.
import type { DerivedCalls } from "./derive_format.js";

/** A text of the template, and how its model writes calls. */
const known: readonly (readonly [sign: string, calls: DerivedCalls])[] = [
  // Kimi K3: all markup is tags of the same three markers, and a text comes before calls, even an empty one.
  [
    "open_tag('call', [('tool', fn.name), ('index', loop.index)])",
    {
      format: {
        begin: "<|open|>tools<|sep|>",
        between: "",
        end: "<|close|>tools<|sep|>",
        call: [
          '<|open|>call tool="',
          { value: "name" },
          '" index="',
          { value: "index" },
          '"<|sep|>',
          { value: "arguments" },
          "<|close|>call<|sep|>",
        ],
        arguments: {
          beforeName: '<|open|>argument key="',
          beforeText: '" type="string"<|sep|>',
          afterText: "<|close|>argument<|sep|>",
          beforeJson: '" type="',
          behindType: '"<|sep|>',
          afterJson: "<|close|>argument<|sep|>",
          hasCdata: false,
        },
        several: true,
        isBare: false,
        messages: {
          next: "",
          texts: ["<|open|>response<|sep|>"],
          textEnd: "<|close|>response<|sep|>",
          textFirst: true,
          turnEnd: "<|close|>message<|sep|>",
        },
      },
      turnEnd: "<|close|>message<|sep|>",
    },
  ],
];

/** Undefined: it is none of these. */
export const knownCalls = (hasText: (text: string) => boolean): DerivedCalls | undefined =>
  known.find(([sign]) => hasText(sign))?.[1];
