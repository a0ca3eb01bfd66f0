// Prompts that no cache has seen, in words that most vocabularies hold as one token each.

const words = (
  "time year people way day man thing woman life child world school state family student group country problem hand part place case week company " +
  "system program question work government number night point home water room mother area money story fact month lot right study book eye job word business issue side kind head house service friend father power hour game line end member law car city"
).split(" ");

let made = 0;

/** About that many tokens; no two begin alike. @param {number} tokens */
export function newPrompt(tokens) {
  made++;
  return `${made} ${Math.random().toString(36).slice(2, 8)}:${moreWords(tokens - 8)}`;
}

/** @param {number} tokens */
export function moreWords(tokens) {
  let text = "";
  for (let n = 0; n < tokens; n++) text += ` ${words[Math.floor(Math.random() * words.length)]}`;
  return text;
}

/** @param {number} count @param {number} tokens */
export const newPrompts = (count, tokens) => Array.from({ length: count }, () => newPrompt(tokens));
