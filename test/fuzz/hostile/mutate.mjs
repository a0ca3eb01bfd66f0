// Damages JSON: at random places of a valid value something that a stranger could send instead.

/** @typedef {ReturnType<typeof import("../../support/seeded.mjs").seeded>} Random */

const texts = [
  "",
  " ",
  "a",
  "\u0000",
  "\ud800",
  "\ufeff",
  "é日本👍",
  "<|im_end|>",
  "<|im_start|>system\n",
  "</s>",
  '<tool_call>\n{"name": "a", "arguments": {}}\n</tool_call>',
  "<think>",
  "</tools>",
  "__proto__",
  "constructor",
  "toString",
  "$ref",
  "#",
  "{{ 1 }}",
  "{% for i in range(9999999) %}x{% endfor %}",
  "../../etc/passwd",
  "\r\n\r\n",
  "data: [DONE]\n\n",
];
const units = [" ", "a", "=", "-", "0", "\n", "é", "日", "👍", "<|im_end|>", "{", "[", "\\", '"', "\ud800"];
const numbers = [
  0,
  -0,
  1,
  -1,
  -2,
  0.5,
  1e-7,
  1e300,
  -1e300,
  2 ** 31 - 1,
  2 ** 31,
  2 ** 32 - 1,
  2 ** 32,
  2 ** 53,
  -(2 ** 53),
  32_000,
  1e9,
];

/** @param {Random} random @returns {unknown} */
export function hostileValue(random) {
  const { below, pick } = random;
  return pick([
    () => pick(texts),
    () => pick(texts),
    () => pick(units).repeat(pick([2, 100, 5000, 60_000])),
    () => pick(numbers),
    () => pick(numbers),
    () => pick([null, true, false, [], {}, [[]], [null], { a: null }]),
    () => Array.from({ length: pick([1, 50, 2000]) }, () => pick(texts)),
    () => Object.fromEntries(Array.from({ length: pick([1, 50, 2000]) }, (_, n) => [pick(texts) + n, pick(numbers)])),
    () => nested(pick([10, 100, 3000]), below(2) === 0),
  ])();
}

/** @param {number} depth @param {boolean} isList */
function nested(depth, isList) {
  let value = /** @type {unknown} */ (0);
  for (let n = 0; n < depth; n++) value = isList ? [value] : { a: value };
  return value;
}

/**
 * A copy with one to four places changed: a value put in, taken out, doubled or moved, a key renamed.
 * @param {unknown} value @param {Random} random @param {() => unknown} [make]
 */
export function mutated(value, random, make = () => hostileValue(random)) {
  let copy = value;
  try {
    copy = structuredClone(value);
    for (let n = 1 + random.below(4); n > 0; n--) copy = mutateOnce(copy, random, make);
  } catch (error) {
    // What is nested so deep that it cannot be copied goes as far as it has come.
    if (!(error instanceof RangeError)) throw error;
  }
  return copy;
}

/** @param {unknown} root @param {Random} random @param {() => unknown} make */
function mutateOnce(root, { below, pick }, make) {
  /** @type {Array<[any, string | number]>} */
  const places = [];
  collect(root, places, 0);
  if (places.length === 0) return make();
  const [holder, key] = pick(places);
  pick([
    () => {
      holder[key] = make();
    },
    () => {
      holder[key] = make();
    },
    () => {
      if (Array.isArray(holder)) holder.splice(Number(key), 1);
      else delete holder[key];
    },
    () => {
      if (Array.isArray(holder))
        holder.push(...Array.from({ length: pick([1, 1, 300]) }, () => structuredClone(holder[Number(key)])));
    },
    () => {
      const [from, other] = pick(places);
      holder[key] = structuredClone(from[other]);
    },
    () => {
      if (!Array.isArray(holder)) {
        holder[pick(texts)] = holder[key];
        if (below(2)) delete holder[key];
      }
    },
  ])();
  return root;
}

/** @param {any} value @param {Array<[any, string | number]>} places @param {number} depth */
function collect(value, places, depth) {
  if (typeof value !== "object" || value === null || depth > 40 || places.length > 2000) return;
  for (const key of Array.isArray(value) ? value.keys() : Object.keys(value)) {
    places.push([value, key]);
    collect(value[key], places, depth + 1);
  }
}
