// The library's errors name its options. Whoever typed a flag reads the flag's name instead.
import type { Command } from "commander";
import { invalidValue } from "../../errors.js";
import type { CaduceusError } from "../../index.js";
import { loadOptions, replyOptions, type ModelFlags } from "./model_flags.js";

/** Which flag an option comes from, by the functions that make one of the other. */
const byOption: Readonly<Record<string, string>> = (() => {
  const names = new Proxy({}, { get: (_, name) => name }) as ModelFlags;
  return { ...replyOptions(names), ...loadOptions(names) } as Record<string, string>;
})();

/** Options of the server, and those that have the same name here. */
const others: Readonly<Record<string, string>> = {
  model: "model",
  url: "upstream",
  engine: "upstreamEngine",
  cacheTokens: "cacheTokens",
  host: "host",
  port: "port",
  apiKeys: "apiKey",
  allowedHosts: "allowedHost",
  corsOrigins: "corsOrigin",
  maxQueue: "maxQueue",
  maxBodyBytes: "maxBody",
  maxPendingBodiesPerAddress: "maxBodiesPerAddress",
  replyTimeoutMs: "replyTimeout",
  graceMs: "grace",
  deterministic: "deterministic",
  dimensions: "dimensions",
  toolChoice: "toolChoice",
  callOrder: "callOrder",
  chatTemplate: "chatTemplate",
  adapters: "lora",
  constrained: "constrained",
  tools: "tools",
  schema: "schema",
  importanceMatrix: "imatrix",
  outputTensorType: "outputTensorType",
  tokenEmbeddingType: "tokenEmbeddingType",
};

/** The error's message, with the flag in the place of the option that it came from, where the command has one. */
export function messageWithFlags(error: CaduceusError, command: Command): string {
  const { message, param, remedy, mismatch } = error;
  const [, option = "", rest = ""] = /^(\w+)(.*)$/s.exec(param ?? "") ?? [];
  const attribute = byOption[option] ?? others[option];
  const flag = command.options.find((one) => one.attributeName() === attribute);
  // A place that begins otherwise (a tool's name) tells more than the flag.
  if (flag === undefined || mismatch === undefined || !mismatch.place.startsWith(option)) return message;
  const within = mismatch.place.slice(option.length);
  const named = [flag.short, flag.long].filter(Boolean).join("/") + (rest === "" && within === "" ? "" : within);
  return [invalidValue({ ...mismatch, place: named }), remedy].filter(Boolean).join(" ");
}
