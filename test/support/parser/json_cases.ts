// Own cases of the JSON inside a call: ways to write it, numbers, names and arguments.
import { O, C, Paris, Rome, repaired, ping, set, wasSet, write, wrote, type OwnCase } from "./own_case.js";

export const jsonCases: OwnCase[] = [
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
  {
    id: "all literals of python",
    text: set("{'flag': True, 'off': False, 'none': None}"),
    calls: [wasSet({ off: false, none: null }, { repaired: true })],
  },
  {
    id: "white space that JSON does not have",
    text: `${O}{"name":\u00a0"ping",\u3000"arguments": {}}${C}`,
    calls: [ping({ repaired: true })],
  },
  {
    id: "an object in a list lacks its brace",
    text: set('{"flag": true, "list": [{"a": 1]}'),
    calls: [wasSet({ list: [{ a: 1 }] }, { repaired: true })],
  },
  {
    id: "bare keys with other characters",
    text: set('{flag: true, Content-Type: "x", $ref: "y"}'),
    calls: [wasSet({ "Content-Type": "x", $ref: "y" }, { repaired: true })],
  },
  { id: "a backslash at the end of a line", text: write('"a \\\nb"'), calls: [wrote("a \\\nb", { repaired: true })] },
  {
    id: "a name, then function",
    text: `${O}{"name": "ping", "function": "other", "arguments": {}}${C}`,
    calls: [ping()],
  },
  { id: "a name, then a number as name", text: `${O}{"name": "ping", "name": 5, "arguments": {}}${C}`, malformed: 1 },
  {
    id: "a tag in a comment",
    text: `${O}{"name": "ping", /** <p> **/ "arguments": {}}${C}`,
    calls: [ping({ repaired: true })],
  },
  {
    id: "a comment in the place of a brace",
    text: `<tool_call>{"name": "ping", "arguments": {} // none</tool_call>`,
    calls: [ping({ repaired: true })],
  },
];
