// The grammar of calls in formats other than Hermes'.
import { expect, test } from "vitest";
import { toNativeConstraint } from "../../../src/engine/addon/grammar.js";
import type { CallFormat, ParameterForm, ToolConstraint } from "../../../src/engine/engine.js";

const named: CallFormat = {
  begin: "",
  between: "",
  end: "",
  call: ["[CALL]", { value: "name" }, "[ID]", { value: "id" }, "[ARGS]", { value: "arguments" }],
  arguments: "json",
  several: true,
  isBare: false,
};
const listed: CallFormat = {
  begin: "[CALLS][",
  between: ", ",
  end: "]",
  call: [
    '{"name": "',
    { value: "name" },
    '", "arguments": ',
    { value: "arguments" },
    ', "id": "',
    { value: "id" },
    '"}',
  ],
  arguments: "json",
  keys: { name: "name", arguments: "arguments" },
  several: true,
  isBare: false,
};
const form: ParameterForm = {
  beforeName: "\n<p=",
  beforeText: ">\n",
  afterText: "\n</p>",
  beforeJson: ">\n",
  afterJson: "\n</p>",
  hasCdata: false,
};
const tagged: CallFormat = {
  ...named,
  call: ["<f=", { value: "name" }, ">", { value: "arguments" }, "</f>"],
  arguments: form,
};
const bare: CallFormat = { ...listed, begin: "", end: "", several: false, isBare: true };

const parameters = {
  type: "object",
  properties: {
    a: { type: "string", minLength: 2, maxLength: 9 },
    b: { enum: ["x", "y/z"] },
    c: { type: "integer" },
    d: { type: ["string", "null"] },
  },
  required: ["a", "c"],
  additionalProperties: false,
};
const constraint = (format: CallFormat, more: Partial<ToolConstraint> = {}): ToolConstraint => ({
  kind: "tools",
  format,
  tools: [{ name: "go", parameters }],
  mode: "required",
  parallel: true,
  order: "name-first",
  bareFurtherCalls: false,
  ...more,
});
const rule = (given: ToolConstraint, name: string) =>
  toNativeConstraint(given)
    .text.split("\n")
    .find((line) => line.startsWith(`${name}: `) || line.startsWith(`${name}[`))
    ?.replace(/^[^:]*: /, "")
    .replace(/ +/g, " ")
    .trim();

test("a call has its pieces in their order", () => {
  expect(rule(constraint(named), "call_0")).toBe('"[CALL]" "go" "[ID]" PART_0_0 "[ARGS]" json_0');
  expect(rule(constraint(named), "PART_0_0")).toBe("/[A-Za-z0-9]{9}/");
});

test("an id behind the arguments of a JSON object may be left out", () => {
  expect(rule(constraint(listed), "call_0")).toBe(
    String.raw`"{\"name\": \"" "go" "\", \"arguments\": " json_0 (", \"id\": \"" PART_0_0 "\"")? "}"`,
  );
});

test("a turn is a call, or several where the model and the request allow it", () => {
  expect(rule(constraint(listed), "start")).toBe('"[CALLS][" call (", " call)* "]"');
  expect(rule(constraint(listed, { parallel: false }), "start")).toBe('"[CALLS][" call "]"');
  expect(rule(constraint(bare), "start")).toBe("call");
  expect(rule(constraint(listed, { mode: "auto", schema: true }), "start")).toBe("calls | json_0");
});

test("in free text a call begins with its marker, and a bare one with the name of a tool", () => {
  const auto = (format: CallFormat) => toNativeConstraint(constraint(format, { mode: "auto" })).trigger;
  expect(auto(named)).toEqual({ tag: "", openings: ["[CALL]"], startOpenings: [], further: true, bare: false });
  expect(auto(listed)).toMatchObject({ openings: ["[CALLS][{"], startOpenings: [] });
  expect(auto(bare)).toMatchObject({
    openings: [],
    startOpenings: ['{"name": "go"', '{"type": "function", "name": "go"'],
    further: false,
  });
  expect(rule(constraint(bare, { mode: "auto" }), "call_0")).toMatch(
    /^"\{" "\\"type\\": \\"function\\", "\? "\\"name\\": \\"" "go"/,
  );
  expect(rule(constraint(bare), "call_0")).toMatch(/^"\{\\"name\\": \\"" "go"/);
  expect(rule(constraint(named, { mode: "auto" }), "start")).toBe("call");
});

test("parameters are the declared ones in their order: texts up to their end, listed ones, and JSON", () => {
  expect(rule(constraint(tagged), "call_0")).toBe(
    String.raw`"<f=" "go" ">" "\n<p=a" ">\n" part_0_0 ("\n<p=b" ">\n" ("x" | "y/z") "\n</p>")? "\n<p=c" ">\n" json_0 "\n</p>" ("\n<p=d" ">\n" part_0_1)? "</f>"`,
  );
  expect(rule(constraint(tagged), "part_0_0")).toBe(String.raw`/(?s:.){2,9}(\n)?<\/p>/`);
  expect(rule(constraint(tagged), "part_0_1")).toBe(String.raw`/(?s:.)*(\n)?<\/p>/`);
  expect(toNativeConstraint(constraint(tagged)).kind).toBe("lark");
});

test("a schema that leaves it open takes further parameters, whose names are not the declared ones", () => {
  const open = { type: "object", properties: { a: { type: "string" } } };
  const text = toNativeConstraint(constraint(tagged, { tools: [{ name: "go", parameters: open }] })).text;
  expect(text).toMatch(/\("\\n<p=" PART_0_1 ">\\n" part_0_2\)\*/);
  expect(text).toContain("PART_0_1: /[A-Za-z_][A-Za-z0-9_.-]{0,63}/ & ~/a/");
});

test("messages of a turn begin calls behind the prompt and behind others, with the white space of the grammar", () => {
  const messages = { next: "<next>", texts: ["<final>", "<other>"], textEnd: "<end>" };
  const written: CallFormat = {
    ...named,
    call: [" to=", { value: "name" }, { value: "optional", text: " json" }, "<m>", { value: "arguments" }],
    also: [["<c> to=", { value: "name" }, "<m>", { value: "arguments" }]],
    several: false,
    messages,
  };
  const auto = toNativeConstraint(constraint(written, { mode: "auto" }));
  expect(auto.trigger).toMatchObject({
    openings: ["<next> to=", "<next><c> to=", "<c> to="],
    startOpenings: [" to="],
    further: false,
  });
  expect(rule(constraint(written, { mode: "auto" }), "start")).toBe('"<next>"? call');
  expect(rule(constraint(written), "start")).toBe("call");
  expect(rule(constraint(written), "call_0")).toBe('" to=" "go" " json"? "<m>" json_0 | "<c> to=" "go" "<m>" json_0');
  // With a schema the answer is a message too.
  expect(rule(constraint(written, { mode: "auto", schema: true }), "start")).toBe('calls | "<final>" json_0');
  // Where nothing marks a call, the name of a tool does.
  const unmarked: CallFormat = { ...written, call: [{ value: "name" }, "\n", { value: "arguments" }], also: undefined };
  const bareAuto = toNativeConstraint(constraint({ ...unmarked, isBare: true, several: true }, { mode: "auto" }));
  expect(bareAuto.trigger).toMatchObject({ openings: ["<next>go\n{"], startOpenings: ["go\n{"], further: true });
});

test("a value whose type is said has the types that its schema allows", () => {
  const said: CallFormat = {
    ...named,
    call: ["<f=", { value: "name" }, ">", { value: "arguments" }, "</f>"],
    arguments: { ...form, beforeText: ':string">', beforeJson: ":", behindType: '">' },
  };
  expect(rule(constraint(said), "call_0")).toBe(
    String.raw`"<f=" "go" ">" "\n<p=a" ":string\">" part_0_0 ("\n<p=b" ":string\">" ("x" | "y/z") "\n</p>")? "\n<p=c" ":" ("number") "\">" json_0 "\n</p>" ("\n<p=d" ":string\">" part_0_1)? "</f>"`,
  );
});

test("arguments that are elements have their tags in the order of the schema, with elements inside", () => {
  const elements: CallFormat = {
    ...named,
    call: ["~<f>", { value: "name" }, { value: "arguments" }, "~</f>"],
    arguments: { prefix: "~", item: "item" },
  };
  const given = (more: object, required: readonly string[] = []) =>
    constraint(elements, {
      tools: [{ name: "go", parameters: { type: "object", properties: more, required, additionalProperties: false } }],
    });
  const body = (more: object, required?: readonly string[]) => rule(given(more, required), "call_0");
  expect(body({ a: { type: "string", maxLength: 9 }, b: { type: "integer" } }, ["a"])).toBe(
    '"~<f>" "go" "~<a>" args_0_0_0 ("~<b>" (json_0) "~</b>")? "~</f>"',
  );
  expect(rule(given({ a: { type: "string", maxLength: 9 } }), "args_0_0_0")).toBe(String.raw`/(?s:.){0,9}~<\/a>/`);
  expect(body({ a: { enum: ["x", 1, null, ["y"]] } }, ["a"])).toBe(
    '"~<f>" "go" "~<a>" ("x~</a>" | "1~</a>" | "~</a>" | "~<item>y~</item>~</a>") "~</f>"',
  );
  expect(body({ a: { type: "array", items: { type: "boolean" }, minItems: 1, maxItems: 2 } }, ["a"])).toBe(
    '"~<f>" "go" "~<a>" (args_0_0_0 (args_0_0_0 )?) "~</a>" "~</f>"',
  );
  expect(rule(given({ a: { type: "array", items: { type: "boolean" } } }), "args_0_0_0")).toBe(
    '"~<item>" ("true" | "false") "~</item>"',
  );
  expect(
    body({ a: { type: "object", properties: { b: { type: "null" } }, required: ["b"], additionalProperties: false } }),
  ).toBe('"~<f>" "go" ("~<a>" ("~<b>" ("") "~</b>") "~</a>")? "~</f>"');
});

test("arguments in a notation are the declared ones in their order, with commas between those that are there", () => {
  const quoted: CallFormat = {
    ...named,
    call: ["<c>", { value: "name" }, "{", { value: "arguments" }, "}"],
    arguments: { assign: ":", comma: ",", quote: "<q>" },
  };
  const small = {
    type: "object",
    properties: { a: { enum: ["x", null] }, b: { type: "boolean" } },
    required: ["a"],
    additionalProperties: false,
  };
  const given = (format: CallFormat) => constraint(format, { tools: [{ name: "go", parameters: small }] });
  expect(rule(given(quoted), "call_0")).toBe('"<c>" "go" "{" args_0_0_2 "}"');
  expect(rule(given(quoted), "args_0_0_2")).toBe('"a:" ("<q>x<q>" | "null") args_0_0_1');
  expect(rule(given(quoted), "args_0_0_1")).toBe('("," "b:" ("true" | "false") )?');
  const python = { ...quoted, arguments: { assign: "=", comma: ", " } };
  expect(rule(given(python), "args_0_0_1")).toBe('(", " "b=" ("True" | "False") )?');
});
