// Replies with their right answers beside the published cases: combinations, siblings and edges of the same rules.

import type { ReplyFinish } from "../../../src/format/hermes/index.js";

export interface OwnCase {
  id: string;
  text: string;
  finish?: ReplyFinish;
  content?: string;
  calls?: unknown[];
  malformed?: number;
  incomplete?: true;
  reasoning?: string;
}

const O = "<tool_call>\n";
const C = "\n</tool_call>";
const paris = '{"name": "get_weather", "arguments": {"location": "Paris"}}';
const rome = '{"name": "get_weather", "arguments": {"location": "Rome"}}';
const bad = '{"name": "nope" "arguments"}';
const Paris = { name: "get_weather", arguments: { location: "Paris" } };
const Rome = { name: "get_weather", arguments: { location: "Rome" } };
const repaired = (call: object): object => ({ ...call, repaired: true });
const ping = (more: object = {}): object => ({ name: "ping", arguments: {}, ...more });
const set = (args: string): string => `${O}{"name": "set", "arguments": ${args}}${C}`;
const wasSet = (args: object, more: object = {}): object => ({
  name: "set",
  arguments: { flag: true, ...args },
  ...more,
});
const write = (content: string): string =>
  `${O}{"name": "write_file", "arguments": {"path": "a", "content": ${content}}}${C}`;
const wrote = (content: string, more: object = {}): object => ({
  name: "write_file",
  arguments: { path: "a", content },
  ...more,
});

export const ownCases: OwnCase[] = [
  // Several calls, good and bad.
  {
    id: "bad between two good in a list",
    text: `${O}[${paris}, ${bad}, ${rome}]${C}`,
    calls: [repaired(Paris), repaired(Rome)],
    malformed: 1,
  },
  {
    id: "two bad and one good in a list",
    text: `${O}[{"name": "a" 1}, ${bad}, ${rome}]${C}`,
    calls: [repaired(Rome)],
    malformed: 2,
  },
  {
    id: "two bad and one good on lines",
    text: `${O}{"name": "a" 1}\n{"name" 2}\n${rome}${C}`,
    calls: [repaired(Rome)],
    malformed: 2,
  },
  {
    id: "two bad and one good in tags",
    text: `${O}${bad}${C}\n${O}{"name"}${C}\n${O}${rome}${C}`,
    calls: [Rome],
    malformed: 2,
  },
  { id: "list in a list", text: `${O}[[${paris}]]${C}`, calls: [repaired(Paris)] },
  {
    id: "list with a trailing comma and a comment",
    text: `${O}[${paris}, /* no more */ ]${C}`,
    calls: [repaired(Paris)],
  },
  { id: "empty list", text: `${O}[]${C}`, malformed: 1 },
  { id: "list with a word", text: `${O}[nothing, ${paris}]${C}`, calls: [repaired(Paris)], malformed: 1 },
  {
    id: "objects with a comma and no list",
    text: `${O}${paris},\n${rome}${C}`,
    calls: [repaired(Paris), repaired(Rome)],
  },
  {
    id: "first of two lacks its brace",
    text: `${O}${paris.slice(0, -1)}\n${rome}${C}`,
    calls: [repaired(Paris), repaired(Rome)],
  },
  {
    id: "last entry of a list lacks its brace",
    text: `${O}[${paris}, ${rome.slice(0, -1)}]${C}`,
    calls: [repaired(Paris), repaired(Rome)],
  },
  { id: "unclosed list", text: `${O}[${paris}, ${rome}${C}`, calls: [repaired(Paris), repaired(Rome)] },
  // Closing tags.
  { id: "no closing tag between two calls", text: `${O}${paris}\n${O}${rome}${C}`, calls: [repaired(Paris), Rome] },
  {
    id: "opening tags for closing ones, twice",
    text: `${O}${paris}\n${O}${O}${rome}\n<tool_call>`,
    calls: [repaired(Paris), repaired(Rome)],
  },
  {
    id: "opening tag for a closing one, then text",
    text: `${O}${paris}\n<tool_call>\nand so on`,
    content: "and so on",
    calls: [repaired(Paris)],
  },
  {
    id: "duplicate close between calls",
    text: `${O}${paris}${C}${C}\n${O}${rome}${C}`,
    calls: [repaired(Paris), Rome],
  },
  { id: "three closing tags", text: `${O}${paris}${C}${C}${C}`, calls: [repaired(Paris)] },
  { id: "white space inside the closing tag", text: `${O}${paris}\n</tool_call >`, calls: [Paris] },
  {
    id: "text before the closing tag",
    text: `${O}${paris}\nNow text\n</tool_call>`,
    content: "Now text",
    calls: [repaired(Paris)],
  },
  { id: "no closing tag, then text", text: `${O}${paris}\nNow text`, content: "Now text", calls: [repaired(Paris)] },
  { id: "half a closing tag at the end", text: `${O}${paris}\n</tool_`, calls: [repaired(Paris)] },
  { id: "a closing tag in prose", text: "End with </tool_call> always.", content: "End with </tool_call> always." },
  { id: "end mark for a closing tag", text: `${O}${paris}<|im_end|>`, calls: [repaired(Paris)] },
  { id: "end mark and a missing brace", text: `${O}${paris.slice(0, -1)}<|im_end|>`, calls: [repaired(Paris)] },
  { id: "missing tag and brace", text: `${O}${paris.slice(0, -2)}`, calls: [repaired(Paris)] },
  { id: "ended behind a comma", text: `${O}${paris.slice(0, -2)},`, malformed: 1 },
  { id: "ended inside a string", text: `${O}{"name": "get_weather", "arguments": {"location": "Par`, malformed: 1 },
  { id: "ended inside a number", text: `${O}{"name": "set", "arguments": {"flag": true, "id": 12`, malformed: 1 },
  { id: "three extra braces", text: `${O}${paris}}}}${C}`, calls: [repaired(Paris)] },
  {
    id: "an extra brace before the name",
    text: `${O}{"arguments": {"location": "Paris"}}, "name": "get_weather"}${C}`,
    calls: [repaired(Paris)],
  },
  {
    id: "an extra brace before the name, in a list",
    text: `${O}[{"arguments": {"location": "Paris"}}, "name": "get_weather"}, ${rome}]${C}`,
    calls: [repaired(Paris), repaired(Rome)],
  },
  {
    id: "no name, then a good call",
    text: `${O}{"arguments": {"location": "Paris"}}, ${rome}${C}`,
    calls: [repaired(Rome)],
    malformed: 1,
  },
  { id: "junk behind a broken call", text: `${O}${bad}, oh "no"}${C}\nHi`, content: "Hi", malformed: 1 },
  {
    id: "a broken call without a closing tag, then text",
    text: `${O}${bad}\nHello there`,
    content: "Hello there",
    malformed: 1,
  },
  // Tags and prose.
  { id: "text on both sides", text: `Before.\n${O}${paris}${C}\nAfter.`, content: "Before. After.", calls: [Paris] },
  { id: "text touching on both sides", text: `Before${O}${paris}${C}After`, content: "BeforeAfter", calls: [Paris] },
  { id: "space inside the tag", text: `<tool_call >\n${paris}${C}`, calls: [repaired(Paris)] },
  {
    id: "another tag of a similar name",
    text: `<tool_calls>\n${paris}\n</tool_calls>`,
    content: `<tool_calls>\n${paris}\n</tool_calls>`,
  },
  {
    id: "a python call in the tag",
    text: `${O}get_weather(location="Paris")${C}`,
    content: `${O}get_weather(location="Paris")${C}`,
  },
  {
    id: "empty tags in prose",
    text: "Put calls in <tool_call></tool_call> tags.",
    content: "Put calls in <tool_call></tool_call> tags.",
  },
  { id: "doubled tags", text: `${O}${O}${paris}${C}${C}`, content: "<tool_call>", calls: [repaired(Paris)] },
  {
    id: "call in a line of prose",
    text: `I call <tool_call>${paris}</tool_call> now.`,
    content: "I call now.",
    calls: [Paris],
  },
  { id: "markup that is none", text: "<p>a</p> <t> </x> <|im_start|> <", content: "<p>a</p> <t> </x> <|im_start|> <" },
  { id: "windows line ends and tabs", text: `<tool_call>\r\n\t${paris}\r\n</tool_call>\r\n`, calls: [Paris] },
  { id: "byte order marks", text: `\ufeff<tool_call>\ufeff${paris}${C}`, calls: [Paris] },
  { id: "end mark behind text", text: "Hello<|im_end|>\n", content: "Hello" },
  { id: "two end marks behind text", text: "Hello<|im_end|><|im_end|>", content: "Hello" },
  { id: "end mark inside text", text: "Hello<|im_end|> more", content: "Hello<|im_end|> more" },
  { id: "half an end mark", text: "Hello<|im_e", content: "Hello<|im_e" },
  // Fences.
  {
    id: "fence with a language around the tag",
    text: `\`\`\`xml\n${O}${paris}${C}\n\`\`\`\nThen.`,
    content: "Then.",
    calls: [repaired(Paris)],
  },
  {
    id: "fence around two calls",
    text: `Text\n\`\`\`\n${O}${paris}${C}\n${O}${rome}${C}\n\`\`\``,
    content: "Text",
    calls: [repaired(Paris), repaired(Rome)],
  },
  {
    id: "two fences",
    text: `\`\`\`\n${O}${paris}${C}\n\`\`\`\n\`\`\`\n${O}${rome}${C}\n\`\`\``,
    calls: [repaired(Paris), repaired(Rome)],
  },
  { id: "fence without a language in the tag", text: `${O}\`\`\`\n${paris}\n\`\`\`${C}`, calls: [repaired(Paris)] },
  { id: "unclosed fence in the tag", text: `${O}\`\`\`json\n${paris}${C}`, calls: [repaired(Paris)] },
  {
    id: "fence that closes elsewhere",
    text: `\`\`\`\n${O}${paris}${C}\nx\n\`\`\``,
    content: "``` x ```",
    calls: [repaired(Paris)],
  },
  {
    id: "code before a call",
    text: `\`\`\`\nx = 1\n\`\`\`\n\n${O}${paris}${C}`,
    content: "``` x = 1 ```",
    calls: [Paris],
  },
  {
    id: "code with a language before a call and after it",
    text: `See:\n\`\`\`python\nx = 1\n\`\`\`\n${O}${paris}${C}\n\`\`\`js\ny\n\`\`\``,
    content: "See: ```python x = 1 ``` ```js y ```",
    calls: [Paris],
  },
  {
    id: "code before a call in a fence of its own",
    text: `\`\`\`\nx = 1\n\`\`\`\n\`\`\`\n${O}${paris}${C}\n\`\`\``,
    content: "``` x = 1 ```",
    calls: [repaired(Paris)],
  },
  {
    id: "a call as the end of a code block",
    text: `\`\`\`\nx = 1\n${O}${paris}${C}\n\`\`\``,
    content: "``` x = 1 ```",
    calls: [Paris],
  },
  {
    id: "a longer fence around shorter ones",
    text: `\`\`\`\`\n\`\`\`\n\`\`\`\`\n${O}${paris}${C}`,
    content: "```` ``` ````",
    calls: [Paris],
  },
  {
    id: "code in a line before a fenced call",
    text: `\`\`\`x\`\`\`\n\`\`\`\n${O}${paris}${C}\n\`\`\``,
    content: "```x```",
    calls: [repaired(Paris)],
  },
  // Python, comments and other ways to write JSON.
  { id: "bare keys", text: `${O}{name: "set", arguments: {flag: true}}${C}`, calls: [wasSet({}, { repaired: true })] },
  {
    id: "python number keys",
    text: `${O}{'name': 'set', 'arguments': {'flag': True, 1: 2}}${C}`,
    calls: [wasSet({ 1: 2 }, { repaired: true })],
  },
  {
    id: "comments of all kinds",
    text: set('{"flag": true, // one\n# two\n/* three */ "id": 1}'),
    calls: [wasSet({ id: 1 }, { repaired: true })],
  },
  {
    id: "trailing comma in a list",
    text: set('{"flag": true, "x": [1, 2, ]}'),
    calls: [wasSet({ x: [1, 2] }, { repaired: true })],
  },
  {
    id: "unclosed inner list",
    text: set('{"flag": true, "x": [1, 2}'),
    calls: [wasSet({ x: [1, 2] }, { repaired: true })],
  },
  { id: "missing comma", text: set('{"flag": true "id": 1}'), malformed: 1 },
  { id: "two commas", text: set('{"flag": true,, "id": 1}'), malformed: 1 },
  { id: "a bracket for a brace", text: `${O}{"name": "ping", "arguments": {}]${C}`, malformed: 1 },
  { id: "undefined", text: set('{"flag": undefined}'), malformed: 1 },
  { id: "infinity", text: set('{"flag": true, "id": Infinity}'), malformed: 1 },
  { id: "a bare word for a string", text: set('{"flag": true, "note": hello}'), malformed: 1 },
  { id: "a python tuple", text: set('{"flag": True, "x": (1, 2)}'), malformed: 1 },
  { id: "typographic quotes", text: `${O}{\u201cname\u201d: \u201cping\u201d}${C}`, malformed: 1 },
  { id: "three quotes", text: write('"""x"""'), malformed: 1 },
  { id: "apostrophe escaped in double quotes", text: write('"it\\\'s"'), calls: [wrote("it's", { repaired: true })] },
  {
    id: "escapes JSON does not have",
    text: write('"\\d+ C:\\Users"'),
    calls: [wrote("\\d+ C:\\Users", { repaired: true })],
  },
  {
    id: "python hexadecimal escape",
    text: `${O}{'name': 'write_file', 'arguments': {'path': 'a', 'content': '\\x1b[0m'}}${C}`,
    calls: [wrote("\u001b[0m", { repaired: true })],
  },
  {
    id: "double quotes in single ones",
    text: `${O}{'name': 'write_file', 'arguments': {'path': 'a', 'content': 'say "hi"'}}${C}`,
    calls: [wrote('say "hi"', { repaired: true })],
  },
  {
    id: "raw control characters in a string",
    text: write('"a\tb\r\nc\u0001"'),
    calls: [wrote("a\tb\r\nc\u0001", { repaired: true })],
  },
  { id: "half a unicode escape", text: write('"\\u12"'), malformed: 1 },
  { id: "a lone surrogate escape", text: write('"\\ud83d!"'), calls: [wrote("\ud83d!")] },
  {
    id: "every JSON escape",
    text: write('"\\"\\\\\\/\\b\\f\\n\\r\\t\\u00e9"'),
    calls: [wrote('"\\/\b\f\n\r\t\u00e9')],
  },
  // Numbers.
  {
    id: "an integer beyond 2^53",
    text: set('{"flag": true, "id": 9007199254740993}'),
    calls: [wasSet({ id: 9007199254740993n })],
  },
  {
    id: "a negative integer beyond 2^53",
    text: set('{"flag": true, "id": -123456789012345678901234567890}'),
    calls: [wasSet({ id: -123456789012345678901234567890n })],
  },
  {
    id: "the largest safe integer",
    text: set('{"flag": true, "id": 9007199254740991}'),
    calls: [wasSet({ id: 9007199254740991 })],
  },
  {
    id: "a number beyond all",
    text: set('{"flag": true, "x": 1e999}'),
    calls: [wasSet({ x: "1e999" }, { repaired: true, problem: "invalid-arguments" })],
  },
  {
    id: "minus zero and exponents",
    text: set('{"flag": true, "id": -0, "x": 1.5e-3}'),
    calls: [wasSet({ id: -0, x: 0.0015 })],
  },
  { id: "leading zeros", text: set('{"flag": true, "id": 007}'), malformed: 1 },
  { id: "hexadecimal", text: set('{"flag": true, "id": 0x1F}'), malformed: 1 },
  {
    id: "a point without digits on one side",
    text: set('{"flag": true, "x": [.5, 5., +1]}'),
    calls: [wasSet({ x: [0.5, 5, 1] }, { repaired: true })],
  },
  {
    id: "a fraction where an integer belongs",
    text: set('{"flag": true, "id": 1.5}'),
    calls: [wasSet({ id: 1.5 }, { problem: "invalid-arguments" })],
  },
  // Names and arguments.
  { id: "a name that is no string", text: `${O}{"name": 5, "arguments": {}}${C}`, malformed: 1 },
  { id: "no name", text: `${O}{"arguments": {"location": "Paris"}}${C}`, malformed: 1 },
  {
    id: "an empty name",
    text: `${O}{"name": "", "arguments": {}}${C}`,
    calls: [{ name: "", arguments: {}, problem: "unknown-tool" }],
  },
  {
    id: "a name with spaces",
    text: `${O}{"name": "get weather", "arguments": {}}${C}`,
    calls: [{ name: "get weather", arguments: {}, problem: "unknown-tool" }],
  },
  {
    id: "names of object members",
    text: `${O}{"name": "constructor", "arguments": {}}${C}`,
    calls: [{ name: "constructor", arguments: {}, problem: "unknown-tool" }],
  },
  { id: "arguments null", text: `${O}{"name": "ping", "arguments": null}${C}`, calls: [ping({ repaired: true })] },
  {
    id: "arguments an empty string",
    text: `${O}{"name": "ping", "arguments": ""}${C}`,
    calls: [ping({ repaired: true })],
  },
  {
    id: "arguments a number",
    text: `${O}{"name": "ping", "arguments": 5}${C}`,
    calls: [ping({ arguments: 5, problem: "invalid-arguments" })],
  },
  {
    id: "arguments a string of broken JSON",
    text: `${O}{"name": "ping", "arguments": "{broken"}${C}`,
    calls: [ping({ arguments: "{broken", problem: "invalid-arguments" })],
  },
  {
    id: "arguments a string of a python dict",
    text: `${O}{"name": "get_weather", "arguments": "{'location': 'Paris'}"}${C}`,
    calls: [repaired(Paris)],
  },
  {
    id: "arguments twice",
    text: `${O}{"name": "get_weather", "arguments": {"location": "Paris"}, "arguments": {"location": "Rome"}}${C}`,
    calls: [Rome],
  },
  {
    id: "arguments and parameters",
    text: `${O}{"name": "get_weather", "parameters": {"x": 1}, "arguments": {"location": "Rome"}}${C}`,
    calls: [Rome],
  },
  {
    id: "arguments, then parameters",
    text: `${O}{"name": "get_weather", "arguments": {"location": "Rome"}, "parameters": {"x": 1}}${C}`,
    calls: [Rome],
  },
  {
    id: "function as a string",
    text: `${O}{"function": "get_weather", "arguments": {"location": "Paris"}}${C}`,
    calls: [repaired(Paris)],
  },
  {
    id: "wrapper with parameters first",
    text: `${O}{"function": {"parameters": {"location": "Paris"}, "name": "get_weather"}, "id": "x"}${C}`,
    calls: [repaired(Paris)],
  },
  {
    id: "name twice",
    text: `${O}{"name": "ping", "name": "get_weather", "arguments": {"location": "Paris"}}${C}`,
    calls: [Paris],
  },
  {
    id: "three tools nested in one another",
    text: `${O}{"name": "get_weather", "arguments": {"location": "Paris", "x": {"name": "ping", "arguments": {"function": {"name": "y"}}}}}${C}`,
    calls: [
      {
        name: "get_weather",
        arguments: { location: "Paris", x: { name: "ping", arguments: { function: { name: "y" } } } },
      },
    ],
  },
  // Strings that hold markup, and strings that never end.
  {
    id: "every tag in a string",
    text: write('"<tool_call>{}</tool_call><tool_response></scratch_pad><|im_end|>"'),
    calls: [wrote("<tool_call>{}</tool_call><tool_response></scratch_pad><|im_end|>")],
  },
  {
    id: "a closing tag on a line of its own in a string",
    text: write('"a\n</tool_call>\nb"'),
    calls: [wrote("a\n</tool_call>\nb", { repaired: true })],
  },
  {
    id: "a missing quote before a good call",
    text: `${O}{"name": "get_weather", "arguments": {"location": "Paris}}${C}\n${O}${rome}${C}`,
    calls: [Rome],
    malformed: 1,
  },
  {
    id: "a missing quote before text",
    text: `${O}{"name": "get_weather", "arguments": {"location": "Paris}}${C}\nSome "quoted" text.`,
    content: 'Some "quoted" text.',
    malformed: 1,
  },
  {
    id: "a missing quote at the end",
    text: `${O}{"name": "get_weather", "arguments": {"location": "Paris}}${C}`,
    malformed: 1,
  },
  {
    id: "an odd inner quote before a good call",
    text: `${write('"say "hi there"')}\n${O}${rome}${C}`,
    calls: [Rome],
    malformed: 1,
  },
  {
    id: "an odd inner quote on one line with a good call",
    text: `<tool_call>{"name": "write_file", "arguments": {"path": "say "hi"}}</tool_call><tool_call>${rome}</tool_call>`,
    calls: [Rome],
    malformed: 1,
  },
  { id: "inner quotes around code", text: write('"f("{x}")"'), malformed: 1 },
  {
    id: "a missing comma and a brace before the next object",
    text: `${O}{"name": "set", "arguments": {"flag" true}\n${rome}${C}`,
    calls: [repaired(Rome)],
    malformed: 1,
  },
  // Cut off by the token limit.
  {
    id: "second of a list cut",
    text: `${O}[${paris}, {"name": "get_w`,
    finish: "length",
    calls: [repaired(Paris)],
    incomplete: true,
  },
  {
    id: "second tag cut",
    text: `${O}${paris}${C}\n${O}{"name": "get_w`,
    finish: "length",
    calls: [Paris],
    incomplete: true,
  },
  { id: "cut behind the opening tag", text: `Well.\n${O}`, finish: "length", content: "Well.", incomplete: true },
  { id: "cut behind a mention of the tag", text: "the <tool_call>", finish: "length", content: "the <tool_call>" },
  { id: "cut inside the opening tag", text: "Well. <tool_ca", finish: "length", content: "Well. <tool_ca" },
  { id: "cut behind the object", text: `${O}${paris}`, finish: "length", calls: [repaired(Paris)] },
  { id: "cut inside the closing tag", text: `${O}${paris}\n</tool_c`, finish: "length", calls: [repaired(Paris)] },
  { id: "cut one brace early", text: `${O}${paris.slice(0, -1)}`, finish: "length", incomplete: true },
  { id: "cut behind the call", text: `${O}${paris}${C}`, finish: "length", calls: [Paris] },
  { id: "cut inside a broken call", text: `${O}{"name": "nope" "argum`, finish: "length", incomplete: true },
  { id: "cut in text", text: "The answer is", finish: "length", content: "The answer is" },
  // Invented results.
  {
    id: "an invented result",
    text: `${O}${paris}${C}\n<tool_response>\n{"x": 1}\n</tool_response>\nIt is warm.`,
    calls: [Paris],
  },
  { id: "an invented result without a call", text: `<tool_response>\n{"x": 1}\n</tool_response>\nIt is warm.` },
  { id: "an invented result behind text", text: "Hi.\n<tool_response>x</tool_response> y", content: "Hi." },
  {
    id: "an invented result for a closing tag",
    text: `${O}${paris}\n<tool_response>\n${O}${rome}${C}`,
    calls: [repaired(Paris)],
  },
  { id: "an invented result in a broken call", text: `${O}{"name": <tool_response>\n${O}${rome}${C}`, malformed: 1 },
  {
    id: "a result's tag that is only named",
    text: "Use `<tool_response>` for results.",
    content: "Use `<tool_response>` for results.",
  },
  { id: "half a result's tag", text: "Hi <tool_respon", content: "Hi <tool_respon" },
  // Scratch pads.
  { id: "open scratch pad", text: "<scratch_pad>\nGoal: x", finish: "length", reasoning: "Goal: x" },
  {
    id: "open scratch pad, then a call",
    text: `<scratch_pad>\nGoal: x\n${O}${paris}${C}`,
    calls: [Paris],
    reasoning: "Goal: x",
  },
  {
    id: "a call inside a scratch pad",
    text: `<scratch_pad>\nGoal: x\n${O}${paris}${C}\n</scratch_pad>\nDone`,
    content: "Done",
    reasoning: `Goal: x\n${O}${paris}${C}`,
  },
  {
    id: "a scratch pad's end in a call's string",
    text: `<scratch_pad>\nGoal\n${write('"</scratch_pad>"')}`,
    calls: [wrote("</scratch_pad>")],
    reasoning: "Goal",
  },
  {
    id: "an open scratch pad, a call and an invented result",
    text: `<scratch_pad>\nGoal\n${O}${paris}${C}\n<tool_response>`,
    calls: [Paris],
    reasoning: "Goal",
  },
  {
    id: "two scratch pads",
    text: "<scratch_pad>a</scratch_pad>\n<scratch_pad>b</scratch_pad>\nc",
    content: "c",
    reasoning: "a b",
  },
  {
    id: "a scratch pad behind text",
    text: "Sure.\n<scratch_pad>\nGoal\n</scratch_pad>\nDone",
    content: "Sure. Done",
    reasoning: "Goal",
  },
  {
    id: "a scratch pad in a line",
    text: "Sure. <scratch_pad>Goal</scratch_pad> Done",
    content: "Sure. Done",
    reasoning: "Goal",
  },
  {
    id: "a scratch pad that is only named",
    text: "Use <scratch_pad> to think.",
    content: "Use <scratch_pad> to think.",
  },
  {
    id: "a call inside a thought",
    text: `<think>\nI could call\n${O}${paris}${C}\n</think>\nDone`,
    content: "Done",
    reasoning: `I could call\n${O}${paris}${C}`,
  },
  {
    id: "a thought, then a call",
    text: `<think>\nParis.\n</think>\n${O}${paris}${C}`,
    calls: [Paris],
    reasoning: "Paris.",
  },
  {
    id: "a thought that never ends",
    text: `<think>\nI could call\n${O}${paris}${C}`,
    reasoning: `I could call\n${O}${paris}${C}`,
  },
  {
    id: "a thought cut off in a call",
    text: `<think>\nI could call\n${O}{"name": "get`,
    finish: "length",
    reasoning: `I could call\n${O}{"name": "get`,
  },
  {
    id: "an invented result in a thought",
    text: `<think>\nMaybe <tool_response>5</tool_response></think>\n${O}${paris}${C}`,
    calls: [Paris],
    reasoning: "Maybe <tool_response>5</tool_response>",
  },
  {
    id: "a thought by its longer name",
    text: `<thinking>a </think> ${O}${paris}${C}</thinking>Hi`,
    content: "Hi",
    reasoning: `a </think> ${O}${paris}${C}`,
  },
  {
    id: "a thought behind text",
    text: `Sure.\n<think>${O}${paris}${C}</think>\nDone`,
    content: "Sure. Done",
    reasoning: `${O}${paris}${C}`,
  },
  {
    id: "a thought in a line",
    text: `Sure. <think>${O}${paris}${C}</think> Done`,
    content: "Sure. Done",
    reasoning: `${O}${paris}${C}`,
  },
  {
    id: "a thought in a line that never ends is text, and its call none",
    text: `Sure. <think>${O}${paris}${C}`,
    content: `Sure. <think>${O}${paris}${C}`,
  },
  {
    id: "a thought behind a call",
    text: `${O}${paris}${C}\n<think>${O}${paris}${C}`,
    calls: [Paris],
    reasoning: `${O}${paris}${C}`,
  },
  {
    id: "a thought that is talked about",
    text: `Use \`<think>\` first.\n${O}${paris}${C}`,
    content: "Use `<think>` first.",
    calls: [Paris],
  },
  { id: "the end of a thought that never began", text: "a </think> b", content: "a </think> b" },
  {
    id: "thoughts in a call's strings",
    text: write('"<think></think><thinking>"'),
    calls: [wrote("<think></think><thinking>")],
  },
  {
    id: "a thought in a scratch pad",
    text: `<scratch_pad>\na\n<think>b ${O}${paris}${C}</think>\nc</scratch_pad>\n${O}${paris}${C}`,
    calls: [Paris],
    reasoning: `a b ${O}${paris}${C} c`,
  },
  {
    id: "a thought in a scratch pad that never ends",
    text: `<scratch_pad>\na\n<think>b ${O}${paris}${C}</think>\n${O}${paris}${C}`,
    calls: [Paris],
    reasoning: `a b ${O}${paris}${C}`,
  },
  {
    id: "a scratch pad's tags in a thought",
    text: `<think>a<scratch_pad>b</scratch_pad></think>c`,
    content: "c",
    reasoning: "a<scratch_pad>b</scratch_pad>",
  },
  { id: "an empty thought", text: "<think></think>Hi", content: "Hi" },
  { id: "an empty scratch pad", text: "<scratch_pad></scratch_pad>Hi", content: "Hi" },
];
