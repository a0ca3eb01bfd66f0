// The library's sentences name its options. Whoever typed a flag reads the flag's name instead.
import type { Command } from "commander";
import { loadOptions, replyOptions, type ModelFlags } from "./model_flags.js";

/** Which flag an option comes from, by the functions that make one of the other. */
const byOption: Readonly<Record<string, string>> = (() => {
  const names = new Proxy({}, { get: (_, name) => name }) as ModelFlags;
  return { ...replyOptions(names), ...loadOptions(names) } as Record<string, string>;
})();

/** Options of the server, and those that have the same name here. */
const others: Readonly<Record<string, string>> = {
  model: "model", cacheTokens: "cacheTokens", host: "host", port: "port", apiKeys: "apiKey", allowedHosts: "allowedHost", corsOrigins: "corsOrigin",
  maxQueue: "maxQueue", maxBodyBytes: "maxBody", maxPendingBodiesPerAddress: "maxBodiesPerAddress", replyTimeoutMs: "replyTimeout", graceMs: "grace", deterministic: "deterministic", toolChoice: "toolChoice",
  callOrder: "callOrder", promptVariant: "promptVariant", constrained: "constrained", tools: "tools", schema: "schema",
};

/** `… for maxTokens but received 0.` becomes `… for -n/--max-tokens but received 0.`, where the command has such a flag. */
export function nameFlags(message: string, command: Command): string {
  return message.replaceAll(/\b(for|least|most) ([a-z][A-Za-z]*)(?= but |[[.,:]| \()/g, (whole, before: string, option: string) => {
    const attribute = byOption[option] ?? others[option];
    const flag = command.options.find((one) => one.attributeName() === attribute);
    return flag === undefined ? whole : `${before} ${[flag.short, flag.long].filter(Boolean).join("/")}`;
  });
}
