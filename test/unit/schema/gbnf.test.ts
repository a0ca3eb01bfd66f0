// llama.cpp's grammars, read and written as Lark.
import { describe, expect, test } from "vitest";
import { GbnfError, gbnfToLark, isGbnf } from "../../../src/schema/gbnf.js";

const a = "CHARACTER_0: /\\u{61}/";

test.each<[string, string]>([
  ['root ::= "a"', `start: rule_0\nrule_0: CHARACTER_0\n${a}\n`],
  [
    '# says nothing\nroot ::= (\n  "a" # one\n | "a"\n)+\r\n\n',
    `start: rule_0\nrule_0: (CHARACTER_0 | CHARACTER_0)+\n${a}\n`,
  ],
  [
    'root ::= "a" |\n"a"\nroot-2_x ::= root',
    `start: rule_0\nrule_0: CHARACTER_0 | CHARACTER_0\nrule_1: rule_0\n${a}\n`,
  ],
  ['root ::= "" | "aa"?', `start: rule_0\nrule_0: "" | (CHARACTER_0 CHARACTER_0)?\n${a}\n`],
  [
    'root ::= | "a"{2} "a"{2,} "a"{0,3}',
    `start: rule_0\nrule_0: "" | CHARACTER_0{2} CHARACTER_0{2,} CHARACTER_0{0,3}\n${a}\n`,
  ],
  [
    'root ::= [^a-c"\\n\\]\\x41\\u00e9\\U0001F600-] .',
    "start: rule_0\nrule_0: CHARACTER_0 CHARACTER_1\nCHARACTER_0: /[^\\u{61}-\\u{63}\\u{22}\\u{a}\\u{5d}\\u{41}\\u{e9}\\u{1f600}\\u{2d}]/\nCHARACTER_1: /(?s:.)/\n",
  ],
  [
    'root ::= "\\"\\\\😀"*+',
    "start: rule_0\nrule_0: ((CHARACTER_0 CHARACTER_1 CHARACTER_2)*)+\nCHARACTER_0: /\\u{22}/\nCHARACTER_1: /\\u{5c}/\nCHARACTER_2: /\\u{1f600}/\n",
  ],
])("%j becomes Lark of the same rules", (gbnf, lark) => {
  expect(isGbnf(gbnf)).toBe(true);
  expect(gbnfToLark(gbnf)).toBe(lark);
});

describe("refused, saying where", () => {
  test.each<[string, RegExp]>([
    ["rule ::= [a]", /no rule root/],
    ["root ::= other", /no rule other/],
    ['root ::= "a', /ends inside/],
    ["root ::= [a", /ends inside/],
    ["root ::= [z-a]", /backwards/],
    ["root ::= []", /\[\] allows no character/],
    ["root ::= (", /expected \) at its end/],
    ['root ::= "a" )', /the end of the rule at line 1/],
    ['root ::= "a"\n???', /the name of a rule at line 2/],
    ['root ::= "\\q"', /escape \\q/],
    ['root ::= "\\xZZ"', /hexadecimal/],
    ['root ::= "\\uD800"', /no character/],
    ['root ::= "a"{3,2}', /wrong way round/],
    ['root ::= "a"{9999}', /more than 2000/],
    ["root ::= <think>", /tokens/],
    ["root ::= !<[5]>", /tokens/],
    [`root ::= ${"(".repeat(5000)}`, /nested deeper/],
  ])("%j", (gbnf, message) => {
    expect(() => gbnfToLark(gbnf)).toThrow(GbnfError);
    expect(() => gbnfToLark(gbnf)).toThrow(message);
  });
});

test("what Lark's rules look like is no GBNF", () => {
  for (const text of ['start: "a"', "start::x: /::=/", 'start: "root ::= x"']) expect(isGbnf(text)).toBe(false);
});
