// Replies with their right answers beside the published cases: combinations, siblings and edges of the same rules.
import { brokenCases } from "./broken_cases.js";
import { jsonCases } from "./json_cases.js";
import { markupCases } from "./markup_cases.js";

export const ownCases = [...markupCases, ...jsonCases, ...brokenCases];
